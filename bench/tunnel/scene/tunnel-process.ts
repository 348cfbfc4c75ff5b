/** A tunnel in a process of its own; see child.ts. */
import process from "node:process";
import { systemClock } from "#lib/base/clock.ts";
import { directTransport } from "#lib/tunnel/direct/transport.ts";
import { sshTransport, type SshTransportOptions } from "#lib/tunnel/ssh/transport.ts";
import { ssmTransport, type SsmTransportOptions } from "#lib/tunnel/ssm/transport.ts";
import type { Transport } from "#lib/tunnel/transport.ts";
import { Tunnel, type TunnelStatus } from "#lib/tunnel/tunnel.ts";
import { serveParent } from "./child.ts";
import { largePayloads } from "./large-payloads.ts";
import { type Held, readHeld } from "./held.ts";

/** Plain data: it comes from another process. */
export type Way =
  | ({ readonly kind: "ssm" } & SsmTransportOptions)
  /** Uploads in payloads of this size, which the product does not send. */
  | ({ readonly kind: "ssm, large payloads"; readonly payloadBytes: number } & SsmTransportOptions)
  | ({ readonly kind: "ssh" } & SshTransportOptions)
  | { readonly kind: "direct"; readonly host: string; readonly port: number };

export type TunnelOrder = { readonly do: "start"; readonly way: Way } | { readonly do: "look" };

export type TunnelAnswer = {
  readonly port: number;
  readonly state: TunnelStatus["state"];
  readonly reconnects: number;
  readonly held: Held;
};

const stack = new AsyncDisposableStack();
let tunnel: Tunnel | undefined;

serveParent(
  async (order: TunnelOrder): Promise<TunnelAnswer> => {
    if (order.do === "start") tunnel = stack.use(await Tunnel.connect({ transport: transportOf(order.way) }));
    if (tunnel === undefined) throw new Error("The tunnel was not started.");
    const { port, state, reconnects } = tunnel.status();
    return { port, state, reconnects, held: await readHeld(process.pid) };
  },
  async () => stack.disposeAsync(),
);

function transportOf(way: Way): Transport {
  switch (way.kind) {
    case "ssm":
      return ssmTransport(way);
    case "ssm, large payloads":
      return largePayloads(way, systemClock);
    case "ssh":
      return sshTransport(way);
    case "direct":
      return directTransport(way);
    default:
      return way satisfies never;
  }
}
