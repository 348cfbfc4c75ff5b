import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** What a broken server, or what stands before it, does to a connection from some point on. */
export type Act =
  | { readonly kind: "close" | "reset" | "silence" | "trickle" }
  /** These bytes in the place of what the server would have said, and then nothing, or the end. */
  | { readonly kind: "send"; readonly bytes: Buffer; readonly thenClose?: boolean }
  /** The same bytes in its place again and again, as long as the client is there. */
  | { readonly kind: "repeat"; readonly bytes: Buffer; readonly everyMs: number };

/**
 * Does it to the client's side. `socket` is the connection, `stream` what the client reads from: the same, or TLS over it.
 * Returns whether what the server says still goes to the client, and how.
 */
export function perform(act: Act, socket: Socket, stream: Duplex): "drop" | "trickle" {
  switch (act.kind) {
    case "close":
      stream.end();
      return "drop";
    case "reset":
      socket.resetAndDestroy();
      return "drop";
    case "silence":
      return "drop";
    case "trickle":
      return "trickle";
    case "send":
      stream.write(act.bytes);
      if (act.thenClose === true) stream.end();
      return "drop";
    case "repeat": {
      const timer = setInterval(() => stream.write(act.bytes), act.everyMs);
      socket.once("close", () => clearInterval(timer));
      return "drop";
    }
    default:
      return act satisfies never;
  }
}

const trickleMs = 1000;

/** Passes bytes on, one a second. */
export function createTrickle(sink: Duplex): Disposable & { readonly push: (bytes: Buffer) => void } {
  let waiting = Buffer.alloc(0);
  const next = () => {
    if (waiting.length === 0 || sink.destroyed) return;
    sink.write(waiting.subarray(0, 1));
    waiting = waiting.subarray(1);
  };
  const timer = setInterval(next, trickleMs);
  return {
    push: (bytes) => {
      waiting = Buffer.concat([waiting, bytes]);
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
