import type { PosternError } from "#lib/base/errors.ts";
import { formatHostPort } from "#lib/base/host-port.ts";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import { reachable } from "#lib/tunnel/port/reachable.ts";
import type { TunnelRecord } from "#lib/tunnel/registry/record.ts";
import { findTunnel } from "#lib/tunnel/registry/registry.ts";
import { tunnelKey } from "#lib/tunnel/registry/tunnel-key.ts";
import type { CommandContext } from "../command-context.ts";
import { describeTunnelEvent } from "../report/tunnel-report.ts";
import type { StageDestination } from "../tunnel/destination.ts";
import { makeTransport } from "../tunnel/make-transport.ts";
import { openTunnel } from "../tunnel/open-tunnel.ts";
import { wayTo } from "../tunnel/run-tunnel.ts";
import type { TransportFlags } from "../tunnel/transport-options.ts";

type Reason = { readonly code: string; readonly message: string; readonly hint?: string | undefined };

/** A tunnel to a stage's database, ours or one that was running. */
export type Way = AsyncDisposable & {
  readonly local: { readonly host: string; readonly port: number };
  /** Of a tunnel of our own. */
  readonly ended?: Promise<PosternError | undefined>;
  /** From now on the terminal is somebody else's: it is told no more than that the link was lost, and came back. */
  begin(): void;
  /** Why there is no way now; undefined while there is one. */
  findReason(): Promise<Reason | undefined>;
};

/** Whoever waits for a prompt is told soon why there is none. */
const withinMs = 20_000;

/** The stage's tunnel if one is running, else one of our own on any free port. */
export async function reachDatabase(
  destination: StageDestination,
  flags: TransportFlags,
  stateFolder: string,
  context: CommandContext,
): Promise<Way> {
  const key = tunnelKey(destination.name, destination.database);
  const running = await findTunnel(stateFolder, key);
  if (running?.port === undefined) return await openOwn(destination, flags, stateFolder, context);
  const local = { host: reachable(running.host ?? "127.0.0.1"), port: running.port };
  context.output.note(`through the tunnel on ${formatHostPort(local)}, which is ${running.state}`);
  return {
    local,
    begin: () => {},
    findReason: async () => reasonOf(await findTunnel(stateFolder, key)),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function openOwn(
  destination: StageDestination,
  flags: TransportFlags,
  stateFolder: string,
  { signal, output, env }: CommandContext,
): Promise<Way> {
  let hasBegun = false;
  const onEvent = (event: TunnelEvent) => {
    const news = isNews(event, hasBegun) ? describeTunnelEvent(event) : undefined;
    if (news !== undefined) output.note(news);
  };
  const transport = await makeTransport(destination, flags, env);
  const options = { ...wayTo(destination), transport, port: 0, withinMs, stateFolder, onEvent };
  const tunnel = await openTunnel(options, signal);
  const { host, port, ended } = tunnel;
  return {
    local: { host, port },
    ended,
    begin: () => {
      hasBegun = true;
    },
    findReason: async () => tunnel.status().reason,
    [Symbol.asyncDispose]: async () => tunnel[Symbol.asyncDispose](),
  };
}

function isNews(event: TunnelEvent, hasBegun: boolean): boolean {
  switch (event.event) {
    case "listening":
    case "closed":
      return false;
    case "up":
      return event.reconnects > 0;
    case "reconnecting":
    case "degraded":
      return !hasBegun;
    case "down":
    case "maxRetriesExceeded":
      return true;
    default:
      return event satisfies never;
  }
}

function reasonOf(record: TunnelRecord | undefined): TunnelRecord["reason"] {
  return record === undefined || record.state === "up" ? undefined : record.reason;
}
