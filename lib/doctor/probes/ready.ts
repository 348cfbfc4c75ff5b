import { readParameterStatus } from "#lib/postgres/wire/fields.ts";
import type { Conversation } from "../conversation.ts";
import { StepFailed } from "../evidence.ts";

/**
 * Reported since PostgreSQL 14. That a session's transactions read by default (`default_transaction_read_only`) is no fault of
 * the server's: roles are made so.
 */
const standbyParameter = "in_hot_standby";

/** The server has started a session for us, and is no standby. */
export async function awaitReady(
  conversation: Conversation,
  signal: AbortSignal,
): Promise<{ readonly detail: string; readonly found: undefined }> {
  let isStandby = false;
  for (;;) {
    const { letter, body } = await conversation.message("SZ", signal);
    if (letter === "Z") break;
    const { name, value } = readParameterStatus(body);
    if (name === standbyParameter && value === "on") isStandby = true;
  }
  if (isStandby) throw new StepFailed({ kind: "standby" }, `the server says that ${standbyParameter} is on`);
  return { detail: "a session has begun", found: undefined };
}
