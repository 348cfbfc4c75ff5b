import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { loopback } from "#lib/local/net/free-port.ts";

/**
 * - `up`: passes everything on.
 * - `cut`: whatever is open is reset, and so is who comes: an interface that went down, a port that refuses.
 * - `silent`: connections stay and are accepted, and nothing passes: packets are lost on the way. What was on its way comes
 *   when the network is back, as TCP sends it again; how long TCP itself would wait before that is not imitated.
 */
export type NetworkState = "up" | "cut" | "silent";

export type Network = AsyncDisposable & {
  /** A port whose connections go to the other, while the network is up. */
  relayTo(port: number): Promise<number>;
  state: NetworkState;
};

/** A network that can be taken away, between whoever connects to its ports and whatever is behind them. */
export async function startNetwork(): Promise<Network> {
  const pairs = new Set<{ readonly near: Socket; readonly far: Socket }>();
  const servers: Server[] = [];
  let state: NetworkState = "up";

  function join(near: Socket, port: number): void {
    near.on("error", () => {});
    if (state === "cut") {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ host: loopback, port, noDelay: true });
    const pair = { near, far };
    pairs.add(pair);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => other.destroy());
      one.once("close", () => {
        pairs.delete(pair);
        other.destroy();
      });
      one.on("data", (bytes) => {
        if (!other.write(bytes)) one.pause();
      });
      one.on("end", () => other.end());
      one.on("drain", () => {
        if (state === "up") other.resume();
      });
    }
    if (state === "silent") hold(pair, true);
  }

  return {
    relayTo: async (port) => {
      const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => join(near, port));
      servers.push(server);
      server.listen(0, loopback);
      await once(server, "listening");
      return (server.address() as AddressInfo).port;
    },
    get state() {
      return state;
    },
    set state(wanted) {
      state = wanted;
      for (const pair of pairs) {
        if (wanted === "cut") pair.near.resetAndDestroy();
        else hold(pair, wanted === "silent");
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const { near, far } of pairs) {
        near.destroy();
        far.destroy();
      }
      for (const server of servers) server.close();
      await Promise.all(servers.map(async (server) => once(server, "close")));
    },
  };
}

function hold({ near, far }: { readonly near: Socket; readonly far: Socket }, isHeld: boolean): void {
  for (const socket of [near, far]) {
    if (isHeld) socket.pause();
    else socket.resume();
  }
}
