import type { Duplex } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { PosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { tlsOptionsFor } from "#lib/postgres/tls.ts";
import { readAuthentication, readServerReport } from "#lib/postgres/wire/fields.ts";
import {
  encodeCancelRequest,
  encodePassword,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeSslRequest,
  encodeStartup,
} from "#lib/postgres/wire/frontend.ts";
import { md5Answer } from "#lib/postgres/wire/md5.ts";
import { ScramError, scramMechanism, startScram } from "#lib/postgres/wire/scram.ts";
import { readBytes, readMessage } from "./read-bytes.ts";

/** The database as it is, wherever the stream to it goes through. */
export type LoginUpstream = {
  /** The name in its certificate. */
  readonly host: string;
  readonly port: number;
  /** For clients that name none. */
  readonly database: string;
  readonly user: string;
  /** Asked for each connection: a token lasts for minutes only. */
  readonly password: (signal: AbortSignal) => Promise<string>;
  /** In the place of what clients call themselves: the server's log is to say why somebody writes. */
  readonly applicationName?: string | undefined;
  /** PEM certificates of the CAs to trust; absent: Node's roots. */
  readonly ca?: readonly string[] | undefined;
};

export type LoggedIn = Secured & {
  /** What the server said from AuthenticationOk to ReadyForQuery, for the client. */
  readonly welcome: Buffer;
  /** The body of BackendKeyData, where the server sent one. */
  readonly key: Buffer | undefined;
};

type Secured = {
  readonly stream: TLSSocket;
  /** Resolves when it is; its `errored` says whether the way there was lost. */
  readonly closed: Promise<void>;
};

/** Settings with their values, and notices: a server has some dozens. */
const maxWelcomeBytes = 1024 * 1024;

/**
 * Logs in to the database over a stream that nobody has used: TLS, verified in full against the real name; startup
 * with the client's parameters; the password as the server wants it. After a failure the stream is destroyed.
 *
 * @throws PosternError
 */
export async function logIn(
  stream: Duplex,
  upstream: LoginUpstream,
  parameters: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<LoggedIn> {
  const doing = `logging in to ${upstream.host}:${upstream.port} as ${upstream.user}`;
  try {
    const secured = await secure(stream, upstream, signal);
    const toServer = secured.stream;
    const database = parameters.get("database") ?? upstream.database;
    const own = upstream.applicationName === undefined ? {} : { application_name: upstream.applicationName };
    toServer.write(encodeStartup({ ...Object.fromEntries(parameters), ...own, user: upstream.user, database }));
    await authenticate(toServer, upstream, signal);
    return { ...secured, ...(await receiveWelcome(toServer, signal)) };
  } catch (error) {
    stream.destroy();
    if (signal.aborted) throw signal.reason;
    if (error instanceof ScramError) throw new PosternError("auth.rejected", `${error.message}.`, { cause: error });
    throw toDatabaseError(error, doing);
  }
}

/** Sends CancelRequest and waits until the server has closed, which is when it has passed the request on. */
export async function cancelUpstream(
  stream: Duplex,
  upstream: LoginUpstream,
  key: Buffer,
  signal: AbortSignal,
): Promise<void> {
  try {
    const secured = await secure(stream, upstream, signal);
    secured.stream.write(encodeCancelRequest({ processId: key.readInt32BE(0), secretKey: key.subarray(4) }));
    await readBytes(secured.stream, 1, signal).catch(() => undefined);
  } finally {
    stream.destroy();
  }
}

async function secure(stream: Duplex, upstream: LoginUpstream, signal: AbortSignal): Promise<Secured> {
  // Stays for good: an error without a listener ends the process.
  stream.on("error", () => {});
  stream.write(encodeSslRequest());
  const answer = (await readBytes(stream, 1, signal)).toString("latin1");
  const where = `${upstream.host}:${upstream.port}`;
  if (answer === "E") throw await refusedBefore(stream, signal);
  if (answer === "N") throw new PosternError("tls.refused", `${where} offers no TLS.`);
  if (answer !== "S") throw new PosternError("endpoint.not-postgres", `${where} is answered by something else.`);
  const secured = connectTls({ ...tlsOptionsFor(addressOf(upstream)), socket: stream });
  // The socket above it merely closes, which would pass for the server's own end.
  stream.on("error", (error) => secured.destroy(error));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => reject(signal.reason);
  secured.on("error", reject);
  const closed = Promise.withResolvers<void>();
  secured.once("close", () => {
    closed.resolve();
    reject(new PosternError("endpoint.closed", `${where} closed the connection in the middle of TLS.`));
    stream.destroy();
  });
  secured.once("secureConnect", resolve);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await promise;
    return { stream: secured, closed: closed.promise };
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** The tunnel's own port says in this way that it has no link; so may a server that is starting. */
async function refusedBefore(stream: Duplex, signal: AbortSignal): Promise<PosternError> {
  stream.unshift(Buffer.from("E"));
  const { body } = await readMessage(stream, signal);
  const { message } = readServerReport(body);
  return new PosternError("db.unavailable", `There is no connection to the database: ${message}.`);
}

/** Sends what the server asks for, until it lets us in. TLS is verified: a password in clear text reaches nobody else. */
async function authenticate(stream: TLSSocket, upstream: LoginUpstream, signal: AbortSignal): Promise<void> {
  const password = await upstream.password(signal);
  const next = async () => readAuthentication(await expect(stream, "R", signal));
  let request = await next();
  switch (request.kind) {
    case "ok":
      return;
    case "cleartext":
      stream.write(encodePassword(password));
      break;
    case "md5":
      stream.write(encodePassword(md5Answer(upstream.user, password, request.salt)));
      break;
    case "sasl": {
      if (!request.mechanisms.includes(scramMechanism)) throw unknownMethod(request.mechanisms.join(", "));
      const scram = startScram(password);
      stream.write(encodeSaslInitialResponse(scramMechanism, scram.first));
      request = await next();
      if (request.kind !== "sasl-continue") throw unknownMethod(request.kind);
      stream.write(encodeSaslResponse(await scram.answer(request.data)));
      request = await next();
      if (request.kind !== "sasl-final") throw unknownMethod(request.kind);
      scram.verify(request.data);
      break;
    }
    case "sasl-continue":
    case "sasl-final":
      throw unknownMethod(request.kind);
    case "other":
      throw unknownMethod(`method ${request.code}`);
  }
  request = await next();
  if (request.kind !== "ok") throw unknownMethod(request.kind);
}

async function receiveWelcome(stream: TLSSocket, signal: AbortSignal): Promise<Omit<LoggedIn, keyof Secured>> {
  const parts: Buffer[] = [authenticationOk];
  let key: Buffer | undefined;
  let length = 0;
  for (;;) {
    const message = await readMessage(stream, signal);
    if (message.letter === "E") throw serverError(message.body);
    if (message.letter === "K") key = message.body;
    parts.push(message.bytes);
    length += message.bytes.length;
    if (message.letter === "Z") return { welcome: Buffer.concat(parts), key };
    if (length > maxWelcomeBytes) throw new PosternError("endpoint.not-postgres", "The server's welcome has no end.");
  }
}

const authenticationOk = Buffer.from("R\0\0\0\u{8}\0\0\0\0", "latin1");

/** The body of the next message with this letter; notices are passed over. */
async function expect(stream: TLSSocket, letter: string, signal: AbortSignal): Promise<Buffer> {
  for (;;) {
    const message = await readMessage(stream, signal);
    if (message.letter === letter) return message.body;
    if (message.letter === "E") throw serverError(message.body);
    if (message.letter !== "N") {
      throw new PosternError("endpoint.not-postgres", `The server sent a message that is none of a log-in.`);
    }
  }
}

/** In the form in which drivers report it, for the one table that explains it. */
function serverError(body: Buffer): Error {
  const { severity, sqlState, message } = readServerReport(body);
  return Object.assign(new Error(message), { severity, code: sqlState });
}

function unknownMethod(what: string): PosternError {
  return new PosternError(
    "auth.rejected",
    `The server wants to authenticate in a way that is not known here: ${what}.`,
  );
}

function addressOf({ host, port, database, user, ca }: LoginUpstream): DatabaseAddress {
  return { host, port, database, user, sslMode: "verify-full", ...(ca === undefined ? {} : { ca }) };
}
