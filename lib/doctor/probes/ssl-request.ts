import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { notPostgres } from "#lib/postgres/socket.ts";
import { createBackendDecoder, WireViolation } from "#lib/postgres/wire/backend.ts";
import { readServerReport, type ServerReport } from "#lib/postgres/wire/fields.ts";
import { encodeSslRequest } from "#lib/postgres/wire/frontend.ts";
import { Conversation } from "../conversation.ts";
import { StepFailed } from "../evidence.ts";
import type { ObservedSocket } from "../observed-socket.ts";

/**
 * Asks for TLS; the answer is one byte. True for `S`, false for `N` where the address lets that be. More than one byte
 * came from somebody else: "SSH-2.0" begins with an S, too.
 */
export async function requestTls(
  socket: ObservedSocket,
  address: DatabaseAddress,
  signal: AbortSignal,
): Promise<{ readonly detail: string; readonly found: boolean }> {
  const conversation = new Conversation(socket, socket);
  conversation.send(encodeSslRequest());
  const answer = (await conversation.chunk(signal)).toString("latin1");
  conversation.release();
  if (answer === "S") return { detail: "PostgreSQL answers, and has TLS", found: true };
  if (answer === "N" && address.sslMode === "prefer")
    return { detail: "PostgreSQL answers, without TLS", found: false };
  if (answer === "N") throw new StepFailed({ kind: "no-tls" }, `no TLS is offered, and sslmode is ${address.sslMode}`);
  const report = refusalIn(answer);
  if (report !== undefined) {
    throw new StepFailed({ kind: "refused", report, isPasswordProven: false }, `${report.sqlState}: ${report.message}`);
  }
  const { message } = notPostgres(address, answer);
  throw new StepFailed({ kind: "stranger", what: message }, message);
}

/** A server that is too busy to begin refuses with an error in place of the byte. */
function refusalIn(answer: string): ServerReport | undefined {
  try {
    const [message] = createBackendDecoder().push(Buffer.from(answer, "latin1"));
    if (message?.letter !== "E") return undefined;
    const report = readServerReport(message.body);
    return report.sqlState === "" ? undefined : report;
  } catch (error) {
    if (error instanceof WireViolation) return undefined;
    throw error;
  }
}
