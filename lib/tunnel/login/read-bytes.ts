import type { Readable } from "node:stream";
import { PosternError } from "#lib/base/errors.ts";

/**
 * Exactly so many bytes. What comes behind them stays in the stream, for whoever reads next: TLS, a pipe.
 *
 * @throws PosternError `endpoint.closed` when the stream ends before; on abort the signal's reason
 */
export async function readBytes(stream: Readable, count: number, signal: AbortSignal): Promise<Buffer> {
  signal.throwIfAborted();
  if (count === 0) return Buffer.alloc(0);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const abort = () => reject(signal.reason);
  const ended = () =>
    reject(
      new PosternError("endpoint.closed", "The connection was closed in the middle of a log-in.", {
        cause: stream.errored,
      }),
    );
  const look = () => {
    const bytes: unknown = stream.read(count);
    // At its end a stream gives what it has, be it too little.
    if (Buffer.isBuffer(bytes) && bytes.length === count) {
      // At once: what comes before the promise is heard is not for this reader.
      stream.off("readable", look);
      resolve(bytes);
    } else if (bytes !== null || stream.readableEnded || stream.destroyed) ended();
  };
  stream.on("readable", look);
  stream.once("end", ended);
  stream.once("close", ended);
  signal.addEventListener("abort", abort, { once: true });
  look();
  try {
    return await promise;
  } finally {
    stream.off("readable", look);
    stream.off("end", ended);
    stream.off("close", ended);
    signal.removeEventListener("abort", abort);
  }
}

export type WireMessage = {
  readonly letter: string;
  readonly body: Buffer;
  /** All of it, as it came. */
  readonly bytes: Buffer;
};

/** No message of a log-in is longer. */
const maxMessageBytes = 64 * 1024;

/** One message of either side: a letter, an int32 length (itself included, the letter not), a body. */
export async function readMessage(stream: Readable, signal: AbortSignal): Promise<WireMessage> {
  const header = await readBytes(stream, 5, signal);
  const letter = header.toString("latin1", 0, 1);
  const length = header.readInt32BE(1);
  if (length < 4 || length > maxMessageBytes) {
    throw new PosternError(
      "endpoint.not-postgres",
      `A message of a log-in has the length ${length}, expected 4 to ${maxMessageBytes}.`,
    );
  }
  const body = await readBytes(stream, length - 4, signal);
  return { letter, body, bytes: Buffer.concat([header, body]) };
}
