import type { Duplex } from "node:stream";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { sslRequest } from "#lib/postgres/wire.ts";
import { withDeadline } from "./deadline.ts";
import type { Link } from "./transport.ts";

export type HealthCheck = { readonly clock: Clock; readonly signal: AbortSignal; readonly deadlineMs: number };

/**
 * Whether PostgreSQL answers through the link: a fresh stream, SSLRequest, and one byte back, `S` or `N`. An open port
 * proves nothing: a tunnel accepts, a proxy accepts, and a server that hangs does, too.
 *
 * The server notes a client that goes away after its `S` in its log, as it does for every check of this kind.
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
      judge(await firstByte(stream, stop));
      return clock.nowMs() - startMs;
    } finally {
      stream.destroy();
    }
  });
}

async function firstByte(stream: Duplex, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  const closed = () => reject(whyUnanswered(stream));
  // Stays for good: a stream that is destroyed may still fail, and an error without a listener ends the process.
  stream.on("error", closed);
  stream.once("data", (chunk: Buffer) => resolve(chunk.toString("latin1", 0, 1)));
  stream.once("end", closed);
  stream.once("close", closed);
  if (stream.closed) closed();
  stream.write(sslRequest);
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", abort);
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
