import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import type { Readable } from "node:stream";
import { PosternError } from "#lib/base/errors.ts";
import { isStartupCode, requestCodes, tlsHandshakeByte } from "#lib/postgres/wire/opening.ts";
import { readBytes } from "./read-bytes.ts";

/** What a client came for. */
export type Arrival =
  | { readonly kind: "startup"; readonly stream: TLSSocket; readonly startup: Startup }
  /** `key`: process id and secret, as in BackendKeyData. */
  | { readonly kind: "cancel"; readonly key: Buffer }
  /** It wants to log in without TLS. */
  | { readonly kind: "plain" };

export type Startup = {
  readonly protocol: number;
  /** user, database, application_name …, in the client's order. */
  readonly parameters: ReadonlyMap<string, string>;
};

/** As PostgreSQL has it (MAX_STARTUP_PACKET_LENGTH). */
const maxPacketBytes = 10_000;
/** A list of protocols as TLS wants it: each behind its length. */
const alpn = Buffer.from("\u{A}postgresql", "latin1");

/**
 * The beginning of a connection, up to the startup message:
 *
 * 1. GSSENCRequest is answered with `N`: the client goes on without, or with an SSLRequest.
 * 2. SSLRequest is answered with `S`, and TLS follows. Bytes that came before that answer are from somebody who wants
 *    them to be taken for the client's (CVE-2021-23214): refused.
 * 3. A client of PostgreSQL 17 may begin with TLS itself, and must then name the protocol (ALPN).
 * 4. CancelRequest comes with or without TLS: until PostgreSQL 17, libpq sends it in plain.
 * 5. A startup message counts only within TLS.
 *
 * @throws PosternError for all else; the caller closes the socket
 */
export async function receiveArrival(socket: Socket, context: SecureContext, signal: AbortSignal): Promise<Arrival> {
  let stream: Socket | TLSSocket = socket;
  // GSSENCRequest, SSLRequest, startup: nobody has more to ask.
  for (let round = 0; round < 3; round += 1) {
    const first = await readBytes(stream, 1, signal);
    const isSecured: boolean = stream instanceof TLSSocket;
    if (first[0] === tlsHandshakeByte && round === 0) {
      socket.unshift(first);
      const secured = await startTls(socket, context, signal);
      if (secured.alpnProtocol !== "postgresql") throw stranger("TLS without PostgreSQL's protocol name (ALPN)");
      stream = secured;
      continue;
    }
    const { code, body } = await readPacket(stream, first, signal);
    if (code === requestCodes.cancel) return { kind: "cancel", key: body };
    if (code === requestCodes.gss && !isSecured) {
      stream.write("N");
    } else if (code === requestCodes.ssl && !isSecured) {
      if (socket.readableLength > 0) throw stranger("bytes that came before TLS");
      socket.write("S");
      stream = await startTls(socket, context, signal);
    } else if (isStartupCode(code)) {
      if (!(stream instanceof TLSSocket)) return { kind: "plain" };
      return { kind: "startup", stream, startup: { protocol: code, parameters: readParameters(body) } };
    } else throw stranger(`the request code ${code}`);
  }
  throw stranger("one request for encryption after the other");
}

/** Length (4, counts itself), code (4), body; the first byte has been read. */
async function readPacket(
  stream: Readable,
  first: Buffer,
  signal: AbortSignal,
): Promise<{ readonly code: number; readonly body: Buffer }> {
  const header = Buffer.concat([first, await readBytes(stream, 7, signal)]);
  const length = header.readUInt32BE(0);
  if (length < 8 || length > maxPacketBytes) throw stranger(`a first message of length ${length}`);
  return { code: header.readUInt32BE(4), body: await readBytes(stream, length - 8, signal) };
}

async function startTls(socket: Socket, secureContext: SecureContext, signal: AbortSignal): Promise<TLSSocket> {
  const secured = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: alpn });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => reject(signal.reason);
  // Stays for good: an error without a listener ends the process.
  secured.on("error", reject);
  secured.once("close", () => reject(stranger("nothing any more in the middle of TLS")));
  secured.once("secure", resolve);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await promise;
    return secured;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Names and values, each ended by a NUL, and an empty name at the end. */
function readParameters(body: Buffer): ReadonlyMap<string, string> {
  if (body.at(-1) !== 0) throw stranger("a startup message without an end");
  const texts = body.toString("utf8", 0, body.length - 1).split("\0");
  // The last value's NUL leaves an empty text behind it.
  if (texts.pop() !== "" || texts.length % 2 !== 0) throw stranger("a startup message with a name without a value");
  const parameters = new Map<string, string>();
  for (let index = 0; index < texts.length; index += 2) parameters.set(texts[index] ?? "", texts[index + 1] ?? "");
  if (parameters.has("")) throw stranger("a startup message with a value without a name");
  return parameters;
}

function stranger(what: string): PosternError {
  return new PosternError("endpoint.not-postgres", `A client of the log-in port sent ${what}.`);
}
