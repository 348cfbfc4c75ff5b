import type { Socket } from "node:net";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { formatHostPort } from "#lib/base/host-port.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { openTcp } from "#lib/postgres/socket.ts";
import type { Link, LinkVitals, Transport } from "../transport.ts";

export type DirectTransportOptions = {
  readonly host: string;
  readonly port: number;
  readonly clock?: Clock;
};

/**
 * Plain TCP, for a machine that reaches the database by itself (a VPN, the VPC, the local stage). There is nothing
 * between its streams: `connect` proves that the port answers, each stream is a connection of its own, and a link ends
 * only when it is disposed.
 */
export function directTransport({ host, port, clock = systemClock }: DirectTransportOptions): Transport {
  const route = formatHostPort({ host, port });
  const dial = async (signal: AbortSignal): Promise<Socket> => {
    try {
      return await openTcp({ host, port }, signal);
    } catch (error) {
      throw signal.aborted ? error : toReason(error, route);
    }
  };
  return {
    kind: "direct",
    route,
    connect: async (signal) => {
      const proof = await dial(signal);
      proof.destroy();
      return new DirectLink(dial, clock);
    },
  };
}

class DirectLink implements Link {
  readonly ended: Promise<undefined>;
  readonly #dial: (signal: AbortSignal) => Promise<Socket>;
  readonly #clock: Clock;
  readonly #sockets = new Set<Socket>();
  readonly #closing = new AbortController();
  readonly #end: () => void;
  #heardMs: number;
  /** Of the streams that are closed. */
  #bytesUp = 0;
  #bytesDown = 0;

  constructor(dial: (signal: AbortSignal) => Promise<Socket>, clock: Clock) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.ended = promise;
    this.#end = () => resolve(undefined);
    this.#dial = dial;
    this.#clock = clock;
    this.#heardMs = clock.nowMs();
  }

  async openStream(signal: AbortSignal): Promise<Socket> {
    this.#closing.signal.throwIfAborted();
    const socket = await this.#dial(AbortSignal.any([signal, this.#closing.signal]));
    this.#adopt(socket);
    return socket;
  }

  vitals(): LinkVitals {
    const open = [...this.#sockets];
    return {
      state: this.#closing.signal.aborted ? "ended" : "live",
      silentMs: this.#clock.nowMs() - this.#heardMs,
      openStreams: open.length,
      bytesUp: open.reduce((sum, { bytesWritten }) => sum + bytesWritten, this.#bytesUp),
      bytesDown: open.reduce((sum, { bytesRead }) => sum + bytesRead, this.#bytesDown),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new PosternError("aborted", "The link was closed."));
    const closed = [...this.#sockets].map(async (socket) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      socket.once("close", () => resolve());
      socket.destroy();
      await promise;
    });
    await Promise.all(closed);
    this.#end();
  }

  #adopt(socket: Socket): void {
    this.#heardMs = this.#clock.nowMs();
    this.#sockets.add(socket);
    // A `data` listener would start the flow, and what comes before the owner listens would be lost.
    const push = socket.push.bind(socket);
    socket.push = (chunk, encoding) => {
      this.#heardMs = this.#clock.nowMs();
      return push(chunk, encoding);
    };
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#bytesUp += socket.bytesWritten;
      this.#bytesDown += socket.bytesRead;
    });
  }
}

/** An errno that the fault table does not know (a local firewall's EPERM) still means: not reachable from here. */
function toReason(error: unknown, route: string): PosternError {
  const reason = toDatabaseError(error, `connecting to ${route}`);
  if (/^(?:tcp|dns)\.|^endpoint\.closed$/.test(reason.code)) return reason;
  return new PosternError("tcp.unreachable", reason.message, { cause: error });
}
