import { connect, type TLSSocket } from "node:tls";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { tlsOptionsFor } from "#lib/postgres/tls.ts";
import { asksForCertificate, isAboutOurCertificate } from "../client-certificate.ts";
import { timedOut } from "../conversation.ts";
import { StepFailed } from "../evidence.ts";
import type { Mark, ObservedSocket } from "../observed-socket.ts";
import { codeOfTlsError } from "../judgement/code-of-end.ts";

/**
 * The handshake without verification: the certificate is judged by itself, in whole, and nothing secret is sent before.
 * Where it fails, the socket stays open: the kernel is asked about it.
 */
export async function startHandshake(
  socket: ObservedSocket,
  address: DatabaseAddress,
  signal: AbortSignal,
): Promise<{ readonly detail: string; readonly found: TLSSocket }> {
  const start = socket.mark();
  const secured = connect({
    ...tlsOptionsFor(address),
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    socket,
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => reject(timedOut(socket.lastBytesMs(start)));
  const ended = (error?: NodeJS.ErrnoException) => reject(failureOfHandshake(error, socket, start));
  secured.on("error", ended);
  secured.once("close", ended);
  secured.once("secureConnect", resolve);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await promise;
    return { detail: `${secured.getProtocol()}, ${secured.getCipher().name}`, found: secured };
  } finally {
    signal.removeEventListener("abort", abort);
    secured.off("close", ended);
  }
}

function failureOfHandshake(error: NodeJS.ErrnoException | undefined, socket: ObservedSocket, start: Mark): StepFailed {
  const { alert, end, endedWithAlert, hasSentCertificate } = socket.observations;
  if (isAboutOurCertificate(alert, hasSentCertificate)) return asksForCertificate();
  if (alert !== undefined)
    return new StepFailed({ kind: "alert", alert }, `the server ended the handshake with alert ${alert}`);
  const isTlsError = error?.code === "EPROTO" || error?.code?.startsWith("ERR_SSL_") === true;
  if (isTlsError) {
    const { code: text = "" } = error;
    const isForeign = codeOfTlsError(text) === "tls.corrupted";
    const detail = isForeign ? `what came is not TLS (${text})` : `its TLS is not accepted here (${text})`;
    return new StepFailed({ kind: "corrupted", text }, detail);
  }
  const how = end ?? "fin";
  const hasBytes = socket.lastBytesMs(start) !== undefined;
  const text = how === "reset" ? "the connection was reset" : "the connection was closed";
  return new StepFailed({ kind: "ended", how, hasBytes, notified: endedWithAlert }, text);
}
