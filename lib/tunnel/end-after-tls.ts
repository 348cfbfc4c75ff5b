import type { Duplex } from "node:stream";
import { connect } from "node:tls";

/**
 * Ends a stream on which PostgreSQL has just agreed to TLS, after the handshake. A client that goes away before it costs a
 * line of the server's log ("could not accept SSL connection: EOF detected"), and health is asked for all day; one that
 * goes away behind it, without a startup message, costs none.
 *
 * Nothing is said through this TLS, so that nobody asks whom it is with. Is done when the stream is closed, or on abort;
 * never fails.
 */
export async function endAfterTls(stream: Duplex, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => resolve();
  const secured = connect({ socket: stream, rejectUnauthorized: false });
  secured.on("error", done);
  secured.once("close", done);
  secured.once("secureConnect", () => secured.end());
  signal.addEventListener("abort", done, { once: true });
  if (signal.aborted) done();
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", done);
    secured.destroy();
    stream.destroy();
  }
}
