import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { fatalErrorResponse, type Opening } from "#lib/postgres/wire.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { withDeadline } from "../deadline.ts";
import { HeldClient } from "./held-client.ts";
import { joinStreams } from "./join-streams.ts";

export type ClientService = {
  /** A stream to the database; waits for a link. Rejects on abort, and when there will be none. */
  readonly openStream: (signal: AbortSignal) => Promise<Duplex>;
  /** A client met a failure, or gets no answer. */
  readonly checkSoon: () => void;
  /** For a client that was held in vain: what is happening. */
  readonly explain: (failure: PosternError | undefined) => { readonly message: string; readonly hint?: string };
  readonly holdMs: number;
  readonly clock: Clock;
  /** Aborted when the port closes. */
  readonly signal: AbortSignal;
};

/**
 * - `served`: it had the database, until one of the two closed.
 * - `broken`: it had the database, and the link was lost.
 * - `refused`: there was no link in time; it was told.
 * - `left`: it went away before it was answered, or said nothing.
 */
export type ClientOutcome = "served" | "broken" | "refused" | "left";

/** A client that says nothing has so long; PostgreSQL's own limit (`authentication_timeout`) is a minute, too. */
const silentMs = 60_000;
/** An answer that takes longer makes us doubt the link. */
const doubtMs = 3_000;
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
 * 2. Gets it a stream, while there is none waits up to `holdMs`. A stream that ends before the database has answered
 *    (the bastion could not reach it; the link died) is replaced by another, and what the client said is said again:
 *    nothing has been executed before the first answer. A CancelRequest, which has no answer, is said once.
 * 3. When that was in vain, says why in PostgreSQL's own words (FATAL, 57P03), and closes.
 * 4. Joins the two until either closes. When the link is lost the client's connection is reset: every driver takes that
 *    for a lost connection, whereas an orderly end over TLS reads as the server's fault.
 */
export async function serveClient(socket: Socket, service: ClientService): Promise<ClientOutcome> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  socket.once("close", () => resolve());
  socket.on("error", () => {});
  const closeNow = () => socket.destroy();
  service.signal.addEventListener("abort", closeNow, { once: true });
  if (service.signal.aborted) closeNow();
  const client = new HeldClient(socket);
  try {
    const outcome = await serve(client, service);
    if (outcome === "left") socket.destroy();
    await closed;
    return outcome;
  } finally {
    service.signal.removeEventListener("abort", closeNow);
  }
}

async function serve(client: HeldClient, service: ClientService): Promise<ClientOutcome> {
  const opening = await readOpening(client, service);
  if (opening === undefined) return "left";
  let stream: Duplex;
  try {
    stream = await getAnswered(client, opening, service);
  } catch (error) {
    if (client.left.aborted) return "left";
    refuse(client.socket, opening, service.explain(error instanceof PosternError ? error : undefined));
    return "refused";
  }
  client.release();
  return (await joinStreams(client.socket, stream)) === undefined ? "served" : "broken";
}

async function readOpening(client: HeldClient, { clock }: ClientService): Promise<Opening | undefined> {
  const { promise, resolve } = Promise.withResolvers<Opening | undefined>();
  const timer = new AbortController();
  const leave = () => resolve(undefined);
  client.left.addEventListener("abort", leave, { once: true });
  client.replay(() => {
    if (client.opening !== undefined) resolve(client.opening);
  });
  clock.sleep(silentMs, timer.signal).then(leave, () => {});
  try {
    return await promise;
  } finally {
    timer.abort();
    client.hold();
    client.left.removeEventListener("abort", leave);
  }
}

/** @throws when there was none within `holdMs`: the failure of the last one, where there was one; or the client left */
async function getAnswered(client: HeldClient, opening: Opening, service: ClientService): Promise<Duplex> {
  const { clock, holdMs } = service;
  const untilMs = clock.nowMs() + holdMs;
  let failure: PosternError | undefined;
  const late = () => failure ?? new PosternError("endpoint.silent", "There was no link in time.");
  for (let pauseMs: number = againMs.first; ; pauseMs = Math.min(2 * pauseMs, againMs.most)) {
    const leftMs = untilMs - clock.nowMs();
    if (leftMs <= 0) throw late();
    const context = { clock, signal: client.left, late };
    const stream = await withDeadline(leftMs, context, service.openStream);
    if (opening === "cancel") {
      client.replay((chunk) => stream.write(chunk));
      return stream;
    }
    failure = await firstAnswer(client, stream, service);
    if (failure === undefined) return stream;
    client.left.throwIfAborted();
    service.checkSoon();
    await clock.sleep(Math.min(pauseMs, Math.max(0, untilMs - clock.nowMs())), client.left);
  }
}

/**
 * Says to the database what the client has said, and passes its first answer on.
 *
 * @returns undefined when it answered; else why not, and the stream is destroyed
 */
async function firstAnswer(
  client: HeldClient,
  stream: Duplex,
  { clock, checkSoon }: ClientService,
): Promise<PosternError | undefined> {
  const { promise, resolve } = Promise.withResolvers<PosternError | undefined>();
  const timer = new AbortController();
  const closed = () =>
    resolve(new PosternError("endpoint.closed", "The database closed the connection without an answer."));
  const answer = (chunk: Buffer) => {
    stream.pause();
    client.socket.write(chunk);
    resolve(undefined);
  };
  // Stays for good: an error without a listener ends the process.
  stream.on("error", (error) => resolve(toDatabaseError(error, "opening a connection through the tunnel")));
  stream.once("data", answer);
  stream.once("end", closed);
  stream.once("close", closed);
  client.left.addEventListener("abort", closed, { once: true });
  if (client.left.aborted) closed();
  clock.sleep(doubtMs, timer.signal).then(checkSoon, () => {});
  client.replay((chunk) => stream.write(chunk));
  try {
    const failure = await promise;
    if (failure !== undefined) stream.destroy();
    return failure;
  } finally {
    timer.abort();
    client.hold();
    stream.off("data", answer);
    stream.off("end", closed);
    stream.off("close", closed);
    client.left.removeEventListener("abort", closed);
  }
}

/** What a client of each kind can make something of; a silent close would read as a crash of the server. */
function refuse(socket: Socket, opening: Opening, why: { readonly message: string; readonly hint?: string }): void {
  if (opening === "direct-tls") socket.write(tlsAlert);
  // A CancelRequest has no answer.
  else if (opening !== "cancel") socket.write(fatalErrorResponse({ sqlState: cannotConnectNow, ...why }));
  socket.destroySoon();
}
