import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { PosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "./address.ts";
import { tlsOptionsFor } from "./tls.ts";
import { encodeSslRequest } from "./wire/frontend.ts";

/**
 * The first two steps of a PostgreSQL connection, done here and not by node-postgres, because it lets the host name
 * overwrite the server name that TLS is to check, cannot fall back as `prefer` does, and says "There was an error
 * establishing an SSL connection" to everything that is not PostgreSQL.
 */

/** A keepalive probe after this long: middleboxes forget idle connections after 350 s (NAT gateway, NLB). */
const keepAliveDelayMs = 30_000;

/**
 * Opens the TCP connection, trying the name's addresses in turn.
 * Whatever fails, the socket is destroyed; on abort it rejects with the signal's reason.
 */
export async function openTcp(
  address: Pick<DatabaseAddress, "host" | "port"> & { readonly family?: 4 | 6 },
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted();
  const socket = connectTcp({
    host: address.host,
    port: address.port,
    ...(address.family === undefined ? {} : { family: address.family }),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveDelayMs,
  });
  await event(socket, "connect", signal);
  return socket;
}

/**
 * Asks for TLS as the address's `sslMode` wants it and returns the socket to speak PostgreSQL over: a TLS one, or the
 * given one (`disable`, and `prefer` with a server that has no TLS).
 * Whatever fails, the socket is destroyed; on abort it rejects with the signal's reason.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
 */
export async function startTls(socket: Socket, address: DatabaseAddress, signal: AbortSignal): Promise<Socket> {
  if (address.sslMode === "disable") return socket;
  socket.write(encodeSslRequest());
  const answer = await event(socket, "data", signal);
  // Exactly one byte. More of them, before TLS protects anything, came from someone else (CVE-2021-23222).
  const text = Buffer.isBuffer(answer) ? answer.toString("latin1") : "";
  if (text === "N" && address.sslMode === "prefer") return socket;
  if (text === "S") {
    const secured = connectTls({ ...tlsOptionsFor(address), socket });
    await event(secured, "secureConnect", signal).catch((error: unknown) => {
      socket.destroy();
      throw error;
    });
    return secured;
  }
  socket.destroy();
  if (text === "N") {
    throw new PosternError("tls.refused", `${endpoint(address)} offers no TLS, and sslmode is ${address.sslMode}.`);
  }
  throw notPostgres(address, text);
}

/** TLS version as OpenSSL names it ("TLSv1.3"); undefined on a plain socket. */
export function tlsVersionOf(socket: Socket): string | undefined {
  return "getProtocol" in socket ? ((socket as TLSSocket).getProtocol() ?? undefined) : undefined;
}

/** What answered instead of PostgreSQL, from its first bytes; those are not quoted: they are a stranger's. */
export function notPostgres(address: DatabaseAddress, firstBytes: string): PosternError {
  const what = strangers.find(([isIt]) => isIt(firstBytes))?.[1] ?? "something other than PostgreSQL";
  return new PosternError("endpoint.not-postgres", `${endpoint(address)} is answered by ${what}.`);
}

const strangers: readonly (readonly [(bytes: string) => boolean, string])[] = [
  [(bytes) => bytes.startsWith("HTTP/"), "an HTTP server"],
  [(bytes) => bytes.startsWith("SSH-"), "an SSH server"],
  [(bytes) => bytes.startsWith("\u0015\u0003"), "a server that expects TLS from the first byte (HTTPS?)"],
  // A length of three bytes, packet 0, protocol 10, then the version as text.
  [(bytes) => bytes.startsWith("\0\0\u000A", 2), "a MySQL server"],
  [(bytes) => bytes.startsWith("-ERR "), "a Redis or Valkey server"],
  [(bytes) => bytes.startsWith("E"), "a server that refused the TLS request with an error"],
];

function endpoint(address: DatabaseAddress): string {
  return `${address.host}:${address.port}`;
}

/** Waits for one event; an error, the end of the connection and an abort reject, and destroy the socket. */
async function event(
  socket: Socket,
  name: "connect" | "data" | "secureConnect",
  signal: AbortSignal,
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const abort = () => reject(signal.reason);
  const closed = () => reject(new Error("Connection terminated before PostgreSQL answered"));
  // Stays for good: an error that comes after this wait must find a listener, or it ends the process.
  socket.on("error", reject);
  socket.once(name, resolve);
  socket.once("close", closed);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
    socket.off(name, resolve);
    socket.off("close", closed);
  }
}
