import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { fatalErrorResponse } from "#lib/postgres/wire/fatal-error.ts";
import type { Opening } from "#lib/postgres/wire/opening.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { withDeadline } from "../deadline.ts";
import { HeldClient } from "./held-client.ts";
import { joinStreams } from "./join-streams.ts";

export type ClientService = {
  /** A stream to the database; waits for a link. Rejects on abort, and when there will be none. */
  readonly openStream: (signal: AbortSignal) => Promise<Duplex>;
  /** From now on a client waits for the database's first answer, until what is returned is disposed. */
  readonly expectAnswer: () => Disposable;
  /** A client met a failure, or gets no answer. */
  readonly checkSoon: () => void;
  /** For a client that was held in vain: what is happening. */
  readonly explain: (failure: PosternError | undefined) => { readonly message: string; readonly hint?: string };
  /** Whoever has no answer from the database so long after it said what it wants is told, whatever the link's state. */
  readonly holdMs: number;
  readonly clock: Clock;
  /** Aborted when the port closes. */
  readonly signal: AbortSignal;
};

/**
 * - `served`: it had the database, until one of the two closed.
 * - `broken`: it had the database, and the link was lost.
 * - `refused`: it had no answer in time; it was told.
 * - `left`: it went away before it was answered, or said nothing.
 */
export type ClientOutcome = "served" | "broken" | "refused" | "left";

/** A client that says nothing has so long; PostgreSQL's own limit (`authentication_timeout`) is a minute, too. */
const silentMs = 60_000;
/** An answer that takes longer makes us doubt the link. */
const doubtMs = 2_000;
/** Between two tries for the same client, doubling. */
const againMs = { first: 100, most: 2_000 } as const;

/** PostgreSQL's `cannot_connect_now`: drivers and pools know it as one that passes. */
const cannotConnectNow = "57P03";

/** TLS record: alert (21), version 3.1, length 2; fatal (2), internal_error (80). RFC 8446, section 6. */
const tlsAlert = Buffer.from([21, 3, 1, 0, 2, 2, 80]);

/**
 * Serves one client of the local port. It is done when the client's socket is closed, and never fails.
 *
 * 1. Reads what it begins with. No stream is opened for one that says nothing: port scanners and TCP checks reach nobody.
 * 2. Gets it a stream and the database's first answer, for which it waits up to `holdMs` in all. A stream that ends
 *    before that (the bastion could not reach it; the link died) is replaced by another, and what the client said is said
 *    again: nothing has been executed before the first answer. A CancelRequest, which has none, is said once.
 * 3. When that was in vain, says why in PostgreSQL's own words (FATAL, 57P03), and closes.
 * 4. Joins the two until either closes. When the link is lost the client's connection is reset: psql then says "server
 *    closed the connection unexpectedly" and node-postgres ECONNRESET, which its callers know to try again, whereas an
 *    orderly end over TLS makes them say "SSL SYSCALL error: EOF detected" and give no code.
 */
export async function serveClient(socket: Socket, service: ClientService): Promise<ClientOutcome> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  socket.once("close", () => resolve());
  socket.on("error", () => {});
  const client = new HeldClient(socket, service.signal);
  const outcome = await serve(client, service);
  if (outcome === "left") socket.destroy();
  await closed;
  client.release();
  return outcome;
}

async function serve(client: HeldClient, service: ClientService): Promise<ClientOutcome> {
  const opening = await readOpening(client, service);
  if (opening === undefined) return "left";
  if (opening === "cancel") return await passCancel(client, service);
  let stream: Duplex;
  try {
    stream = await getAnswered(client, service);
  } catch (error) {
    if (client.hasLeft) return "left";
    refuse(client.socket, opening, service.explain(error instanceof PosternError ? error : undefined));
    return "refused";
  }
  client.release();
  const closeNow = () => client.socket.destroy();
  service.signal.addEventListener("abort", closeNow, { once: true });
  if (service.signal.aborted) closeNow();
  const failure = await joinStreams(client.socket, stream);
  service.signal.removeEventListener("abort", closeNow);
  return failure === undefined ? "served" : "broken";
}

async function readOpening(client: HeldClient, { clock }: ClientService): Promise<Opening | undefined> {
  const { promise, resolve } = Promise.withResolvers<Opening | undefined>();
  const timer = new AbortController();
  const leave = () => resolve(undefined);
  client.over.addEventListener("abort", leave, { once: true });
  if (client.over.aborted) leave();
  client.replay(() => {
    if (client.opening !== undefined) resolve(client.opening);
  });
  clock.sleep(silentMs, timer.signal).then(leave, () => {});
  try {
    return await promise;
  } finally {
    timer.abort();
    client.hold();
    client.over.removeEventListener("abort", leave);
  }
}

/** @throws when there was no answer within `holdMs`: the failure of the last one, where there was one; or the client left */
async function getAnswered(client: HeldClient, service: ClientService): Promise<Duplex> {
  const { clock, holdMs } = service;
  const untilMs = clock.nowMs() + holdMs;
  using _waiting = service.expectAnswer();
  let failure: PosternError | undefined;
  const late = () => failure ?? noLinkInTime();
  for (let pauseMs: number = againMs.first; ; pauseMs = Math.min(2 * pauseMs, againMs.most)) {
    const leftMs = untilMs - clock.nowMs();
    if (leftMs <= 0) throw late();
    const context = { clock, signal: client.over, late };
    const stream = await withDeadline(leftMs, context, service.openStream);
    failure = await firstAnswer(client, stream, { ...service, leftMs: untilMs - clock.nowMs() });
    if (failure === undefined) return stream;
    client.over.throwIfAborted();
    service.checkSoon();
    await clock.sleep(Math.min(pauseMs, Math.max(0, untilMs - clock.nowMs())), client.over);
  }
}

function noLinkInTime(): PosternError {
  return new PosternError("endpoint.silent", "There was no link in time.");
}

/**
 * A request to cancel is 16 bytes, has no answer, and counts even if its client is gone: PostgreSQL itself has it so. It is
 * done when the server has closed.
 */
async function passCancel(client: HeldClient, service: ClientService): Promise<ClientOutcome> {
  const { clock, holdMs, signal } = service;
  using _waiting = service.expectAnswer();
  try {
    await withDeadline(holdMs, { clock, signal, late: noLinkInTime }, async (stop) => {
      await sayOnce(client, await service.openStream(stop), stop);
      stop.throwIfAborted();
    });
    return "served";
  } catch {
    return "refused";
  } finally {
    client.socket.destroySoon();
  }
}

async function sayOnce(client: HeldClient, stream: Duplex, signal: AbortSignal): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const stop = () => stream.destroy();
  stream.on("error", () => {});
  stream.once("end", stop);
  stream.once("close", () => resolve());
  stream.resume();
  client.replay((chunk) => stream.write(chunk));
  client.over.addEventListener("abort", () => stream.end(), { once: true });
  if (client.over.aborted) stream.end();
  signal.addEventListener("abort", stop, { once: true });
  await closed;
  signal.removeEventListener("abort", stop);
}

/**
 * Says to the database what the client has said, and passes its first answer on.
 *
 * @returns undefined when it answered; else why not, and the stream is destroyed
 */
async function firstAnswer(
  client: HeldClient,
  stream: Duplex,
  { clock, checkSoon, holdMs, leftMs }: ClientService & { readonly leftMs: number },
): Promise<PosternError | undefined> {
  const { promise, resolve } = Promise.withResolvers<PosternError | undefined>();
  const timer = new AbortController();
  const closed = () => resolve(whyUnanswered(stream));
  const answer = (chunk: Buffer) => {
    stream.pause();
    client.socket.write(chunk);
    resolve(undefined);
  };
  // Stays for good: an error without a listener ends the process.
  stream.on("error", closed);
  stream.once("data", answer);
  stream.once("end", closed);
  stream.once("close", closed);
  if (stream.closed) closed();
  client.over.addEventListener("abort", closed, { once: true });
  if (client.over.aborted) closed();
  const wait = async (): Promise<void> => {
    const calmMs = Math.min(doubtMs, leftMs);
    await clock.sleep(calmMs, timer.signal);
    checkSoon();
    await clock.sleep(leftMs - calmMs, timer.signal);
    resolve(new PosternError("endpoint.silent", `The database gave no answer within ${holdMs / 1000} s.`));
  };
  // Its end by the abort below is no failure.
  wait().catch(() => {});
  client.replay((chunk) => stream.write(chunk));
  try {
    const failure = await promise;
    // After an answer what the client says goes on to the stream, until the two are joined.
    if (failure === undefined) return undefined;
    client.hold();
    stream.destroy();
    return failure;
  } finally {
    timer.abort();
    stream.off("data", answer);
    stream.off("end", closed);
    stream.off("close", closed);
    client.over.removeEventListener("abort", closed);
  }
}

function whyUnanswered({ errored }: Duplex): PosternError {
  return errored === null || errored === undefined
    ? new PosternError("endpoint.closed", "The database closed the connection without an answer.")
    : toDatabaseError(errored, "opening a connection through the tunnel");
}

/**
 * A silent close would read as a crash of the server. What a client shows of it:
 *
 * | client | without TLS | where it asked for TLS |
 * |---|---|---|
 * | psql (libpq since 12.21, 13.17, 14.14, 15.9, 16.5, 17.1) | message and hint | "server sent an error response during SSL exchange" |
 * | node-postgres | message, code 57P03, hint | "There was an error establishing an SSL connection" |
 *
 * Nobody shows the text of an error that comes before TLS: it could be anybody's (CVE-2024-10977). `N` in its place would
 * have them say that the server has no TLS, which is wrong, and `prefer` go on without.
 */
function refuse(socket: Socket, opening: Opening, why: { readonly message: string; readonly hint?: string }): void {
  const isTls = opening === "direct-tls";
  socket.write(isTls ? tlsAlert : fatalErrorResponse({ sqlState: cannotConnectNow, ...why }));
  socket.destroySoon();
}
