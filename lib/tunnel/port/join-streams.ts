import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/**
 * Copies both ways, each no faster than its reader, until the socket is closed.
 *
 * - The end of one direction is passed on; the other goes on where the stream knows half-close.
 * - When the stream has closed, what it gave is still delivered, and then the socket is closed as well.
 * - When the stream failed, the socket is reset.
 * - When the socket has closed, the stream is destroyed.
 *
 * @returns the stream's failure, unless the socket had closed before
 */
export async function joinStreams(socket: Socket, stream: Duplex): Promise<Error | undefined> {
  const { promise, resolve } = Promise.withResolvers<Error | undefined>();
  const onStreamClosed = () => {
    const failure = stream.errored ?? undefined;
    if (failure !== undefined && !socket.destroyed) {
      resolve(failure);
      socket.resetAndDestroy();
    } else {
      socket.destroySoon();
    }
  };
  socket.once("close", () => {
    resolve(undefined);
    stream.destroy();
  });
  stream.on("error", () => {});
  stream.once("close", onStreamClosed);
  if (stream.closed) onStreamClosed();
  if (socket.destroyed) {
    stream.destroy();
    return undefined;
  }
  socket.pipe(stream);
  stream.pipe(socket);
  return await promise;
}
