import type { Duplex } from "node:stream";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { encodeSslRequest } from "#lib/postgres/wire/frontend.ts";
import { withDeadline } from "./deadline.ts";
import { endAfterTls } from "./end-after-tls.ts";
import type { Link } from "./transport.ts";

/** A handshake takes three ways there and back. */
const politeMs = 1_000;

export type HealthCheck = { readonly clock: Clock; readonly signal: AbortSignal; readonly deadlineMs: number };

/**
 * Whether PostgreSQL answers through the link: a fresh stream, SSLRequest, and one byte back, `S` or `N`. An open port
 * proves nothing: a tunnel accepts, a proxy accepts, and a server that hangs does, too.
 *
 * The stream is then ended in a way that leaves no line in the server's log.
 *
 * @returns milliseconds from the request to the answer
 * @throws PosternError that says why not: a transport's reason, `endpoint.silent` after the deadline, `endpoint.closed`,
 * `endpoint.not-postgres`, `db.unavailable`; on abort the signal's reason. No stream is left.
 */
export async function askPostgres(link: Link, { clock, signal, deadlineMs }: HealthCheck): Promise<number> {
  const late = () =>
    new PosternError("endpoint.silent", `PostgreSQL did not answer through the tunnel within ${deadlineMs / 1000} s.`);
  return await withDeadline(deadlineMs, { clock, signal, late }, async (stop) => {
    const stream = await link.openStream(stop);
    try {
      const startMs = clock.nowMs();
      const answer = await firstByte(stream, stop);
      const answerMs = clock.nowMs() - startMs;
      judge(answer);
      if (answer === "S") await leave(stream, { clock, signal: stop });
      return answerMs;
    } finally {
      stream.destroy();
    }
  });
}

/** Politeness is no part of the answer, and does not keep whoever waits for it. */
async function leave(
  stream: Duplex,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const context = { clock, signal, late: () => new PosternError("aborted", "The goodbye took too long.") };
  await withDeadline(politeMs, context, async (stop) => await endAfterTls(stream, stop));
}

async function firstByte(stream: Duplex, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  const closed = () => reject(whyUnanswered(stream));
  // Stays for good: a stream that is destroyed may still fail, and an error without a listener ends the process.
  stream.on("error", closed);
  stream.once("data", (chunk: Buffer) => {
    // What comes next is for TLS.
    stream.pause();
    resolve(chunk.toString("latin1", 0, 1));
  });
  stream.once("end", closed);
  stream.once("close", closed);
  if (stream.closed) closed();
  stream.write(encodeSslRequest());
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", abort);
    stream.off("end", closed);
    stream.off("close", closed);
  }
}

function whyUnanswered({ errored }: Duplex): PosternError {
  return errored === null || errored === undefined
    ? new PosternError("endpoint.closed", "The connection was closed before PostgreSQL answered.")
    : toDatabaseError(errored, "asking PostgreSQL for its answer");
}

function judge(answer: string): void {
  if (answer === "S" || answer === "N") return;
  // What a server says that cannot start another process, and a very old one.
  if (answer === "E") throw new PosternError("db.unavailable", "PostgreSQL answered with an error.");
  throw new PosternError("endpoint.not-postgres", "Something other than PostgreSQL answers through the tunnel.");
}
