import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { notPostgres } from "#lib/postgres/socket.ts";
import { createBackendDecoder, WireViolation } from "#lib/postgres/wire/backend.ts";
import { readOldError, readServerReport, type ServerReport } from "#lib/postgres/wire/fields.ts";
import { encodeSslRequest } from "#lib/postgres/wire/frontend.ts";
import { Conversation, describeReport } from "../conversation.ts";
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
  const bytes = await readAnswer(conversation, signal);
  const answer = bytes.toString("latin1");
  conversation.release();
  if (answer === "S") return { detail: "PostgreSQL answers, and has TLS", found: true };
  if (answer === "N" && address.sslMode === "prefer")
    return { detail: "PostgreSQL answers, without TLS", found: false };
  if (answer === "N") throw new StepFailed({ kind: "no-tls" }, `no TLS is offered, and sslmode is ${address.sslMode}`);
  const report = readRefusal(bytes);
  if (report !== undefined && report !== "begun") {
    throw new StepFailed({ kind: "refused", report, isPasswordProven: false }, describeReport(report));
  }
  const { message } = notPostgres(address, answer);
  throw new StepFailed({ kind: "stranger", what: message }, message);
}

const maxErrorBytes = 4096;

/** One chunk; of an error that has begun, as many as it takes, for it may come in parts. */
async function readAnswer(conversation: Conversation, signal: AbortSignal): Promise<Buffer> {
  let answer = await conversation.chunk(signal);
  while (answer[0] === errorLetter && answer.length < maxErrorBytes && readRefusal(answer) === "begun") {
    try {
      answer = Buffer.concat([answer, await conversation.chunk(signal)]);
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      break;
    }
  }
  return answer;
}

const errorLetter = 0x45;

/** A server that is too busy to begin refuses with an error in place of the byte. Undefined where it is none. */
function readRefusal(answer: Buffer): ServerReport | "begun" | undefined {
  try {
    const [message] = createBackendDecoder({ maxMessageBytes: maxErrorBytes }).push(answer);
    if (message === undefined) return "begun";
    if (message.letter !== "E") return undefined;
    const report = readServerReport(message.body);
    return report.sqlState === "" ? undefined : report;
  } catch (error) {
    if (error instanceof WireViolation) return readOldError(answer);
    throw error;
  }
}
