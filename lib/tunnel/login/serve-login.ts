import { hash, timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContext, TLSSocket } from "node:tls";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import { withDeadline } from "../deadline.ts";
import { receiveArrival, type Startup } from "./arrival.ts";
import { readMessage } from "./read-bytes.ts";
import { databaseRefusal, refusals } from "./refusal.ts";
import { cancelUpstream, type LoggedIn, logIn, type LoginUpstream } from "./upstream.ts";

export type LoginService = {
  /** A stream to the database's port that nobody has used. */
  readonly openStream: (signal: AbortSignal) => Promise<Duplex>;
  readonly upstream: LoginUpstream;
  readonly context: SecureContext;
  /** What clients of this start have to know. */
  readonly password: string;
  /** Keys that open connections may be cancelled with, in hexadecimal. */
  readonly keys: Set<string>;
  readonly clock: Clock;
  /** Aborted when the port closes. */
  readonly signal: AbortSignal;
  readonly onFailure: (error: PosternError) => void;
};

/** A client's connection, beneath TLS. */
type Caller = { readonly socket: Socket; readonly closed: Promise<void> };

/** As PostgreSQL's own `authentication_timeout`. */
const arrivalMs = 60_000;
const upstreamMs = 30_000;
const cancelMs = 10_000;

const late = {
  arrival: () => new PosternError("endpoint.silent", "The client has not logged in in time."),
  upstream: () =>
    new PosternError("endpoint.silent", `There was no log-in to the database within ${upstreamMs / 1000} s.`),
  cancel: () => new PosternError("endpoint.silent", "The database has not taken the CancelRequest in time."),
} as const;

const protocol30 = 0x3_00_00;
/** Code 3: send the password in clear text, over the TLS that is there already. */
const askForPassword = Buffer.from("R\0\0\0\u{8}\0\0\0\u{3}", "latin1");

/**
 * Serves one client. Done when its socket is closed; never fails.
 *
 * 1. Whoever does not get to a startup message over TLS is told, where that makes sense, and reaches nobody.
 * 2. User and one-time password are checked before the database hears of the client: other users of this machine reach
 *    loopback, too.
 * 3. A stream of its own is logged in with the real user and password, and the server's welcome passed on, its key for
 *    cancelling included. From there on bytes go both ways untouched.
 * 4. CancelRequest is passed on when its key is one that was given out here and is in use.
 */
export async function serveLogin(socket: Socket, service: LoginService): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const gone = new AbortController();
  socket.once("close", () => {
    gone.abort(new PosternError("endpoint.closed", "The client has gone."));
    resolve();
  });
  socket.on("error", () => {});
  const closeNow = () => socket.destroy();
  service.signal.addEventListener("abort", closeNow, { once: true });
  if (service.signal.aborted) closeNow();
  try {
    await serve({ socket, closed }, service, gone.signal);
  } catch {
    // What is not PostgreSQL's protocol, or is over, has nobody to tell.
    socket.destroy();
  }
  await closed;
  service.signal.removeEventListener("abort", closeNow);
}

async function serve(caller: Caller, service: LoginService, signal: AbortSignal): Promise<void> {
  const { socket } = caller;
  const { clock, context } = service;
  const client = await withDeadline(arrivalMs, { clock, signal, late: late.arrival }, async (stop) => {
    const arrival = await receiveArrival(socket, context, stop);
    if (arrival.kind !== "startup") return arrival;
    return (await admit(arrival.stream, arrival.startup, service, stop)) ? arrival : undefined;
  });
  switch (client?.kind) {
    case "plain":
      finish(socket, refusals.tlsRequired);
      return;
    case "cancel":
      await cancel(socket, client.key, service, signal);
      return;
    case "startup":
      await connect(caller, client.stream, client.startup, service, signal);
      return;
    case undefined:
  }
}

/** @returns false for one that was told why not */
async function admit(
  client: TLSSocket,
  { protocol, parameters }: Startup,
  { upstream, password }: LoginService,
  signal: AbortSignal,
): Promise<boolean> {
  const newer = [...parameters.keys()].filter((name) => name.startsWith("_pq_."));
  if (protocol !== protocol30 || newer.length > 0) client.write(negotiateProtocol(newer));
  client.write(askForPassword);
  const { letter, body } = await readMessage(client, signal);
  if (letter !== "p" || body.at(-1) !== 0) {
    finish(client, refusals.expectedPassword);
    return false;
  }
  // Both are looked at, so that the time tells neither.
  const isPassword = isSame(body.subarray(0, -1), password);
  const isUser = isSame(Buffer.from(parameters.get("user") ?? "", "utf8"), upstream.user);
  if (isPassword && isUser) return true;
  finish(client, refusals.wrongPassword);
  return false;
}

async function connect(
  caller: Caller,
  client: TLSSocket,
  { parameters }: Startup,
  service: LoginService,
  signal: AbortSignal,
): Promise<void> {
  const { upstream, openStream, keys, clock, onFailure } = service;
  const known = new Map([...parameters].filter(([name]) => !name.startsWith("_pq_.")));
  let loggedIn: LoggedIn;
  try {
    loggedIn = await withDeadline(upstreamMs, { clock, signal, late: late.upstream }, async (stop) =>
      logIn(await openStream(stop), upstream, known, stop),
    );
  } catch (error) {
    if (signal.aborted) throw error;
    const failure = toPosternError(error);
    onFailure(failure);
    finish(client, databaseRefusal(failure));
    return;
  }
  const { welcome, key } = loggedIn;
  const name = key?.toString("hex");
  if (name !== undefined) keys.add(name);
  client.write(welcome);
  await join(caller, client, loggedIn, service.signal);
  if (name !== undefined) keys.delete(name);
}

/** The client reads nothing; that its connection is closed tells it that the request was passed on. */
async function cancel(socket: Socket, key: Buffer, service: LoginService, signal: AbortSignal): Promise<void> {
  const { keys, clock, openStream, upstream } = service;
  if (!keys.has(key.toString("hex"))) throw new PosternError("endpoint.closed", "No connection has this key.");
  await withDeadline(cancelMs, { clock, signal, late: late.cancel }, async (stop) =>
    cancelUpstream(await openStream(stop), upstream, key, stop),
  );
  socket.end();
}

/**
 * Copies both ways, each no faster than its reader, until both are closed. What either side said last is delivered;
 * when the way to the database is lost, the client's connection is reset, which every driver takes for what it is.
 */
async function join(
  { socket, closed }: Caller,
  client: TLSSocket,
  upstream: LoggedIn,
  closing: AbortSignal,
): Promise<void> {
  const { stream } = upstream;
  const closeNow = () => stream.destroy();
  closing.addEventListener("abort", closeNow, { once: true });
  if (closing.aborted) closeNow();
  const followClient = async () => {
    await closed;
    stream.destroySoon();
  };
  const followUpstream = async () => {
    await upstream.closed;
    if (stream.errored === null) client.destroySoon();
    else if (!socket.destroyed) socket.resetAndDestroy();
  };
  client.pipe(stream);
  stream.pipe(client);
  await Promise.all([followClient(), followUpstream()]);
  closing.removeEventListener("abort", closeNow);
}

function finish(stream: Socket, lastWords: Buffer): void {
  stream.write(lastWords);
  stream.destroySoon();
}

/** In constant time, for texts of any length. */
function isSame(seen: Uint8Array, expected: string): boolean {
  return timingSafeEqual(hash("sha256", seen, "buffer"), hash("sha256", expected, "buffer"));
}

/** NegotiateProtocolVersion: 3.0 is what is spoken here, and these options are not known. */
function negotiateProtocol(options: readonly string[]): Buffer {
  const names = Buffer.from(options.map((name) => `${name}\0`).join(""), "utf8");
  const bytes = Buffer.alloc(13);
  bytes.write("v", "latin1");
  bytes.writeInt32BE(12 + names.length, 1);
  bytes.writeInt32BE(protocol30, 5);
  bytes.writeInt32BE(options.length, 9);
  return Buffer.concat([bytes, names]);
}
