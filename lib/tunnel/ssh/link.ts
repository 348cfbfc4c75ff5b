import type { Link } from "../transport.ts";
import type { SshConnection, StreamTarget } from "./connection.ts";

/** The link over the last of these connections, each of which goes through the one before. There is at least one. */
export function createLink(connections: readonly SshConnection[], target: StreamTarget): Link {
  const last = connections.at(-1);
  if (last === undefined) throw new TypeError("A link needs a connection.");
  return {
    openStream: async (signal) => last.openStream(target, signal),
    // One that others go through takes them with it, with its own reason.
    ended: last.ended,
    vitals: () => ({
      state: last.isEnded ? "ended" : "live",
      silentMs: last.silentMs,
      openStreams: last.openStreams,
      bytesUp: last.bytesUp,
      bytesDown: last.bytesDown,
    }),
    [Symbol.asyncDispose]: async () => {
      for (const connection of connections.toReversed()) await connection.close();
    },
  };
}
