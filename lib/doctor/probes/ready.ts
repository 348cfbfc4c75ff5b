import { readParameterStatus } from "#lib/postgres/wire/fields.ts";
import type { Conversation } from "../conversation.ts";
import { StepFailed } from "../evidence.ts";

/** Reported since PostgreSQL 14. */
const readOnlyParameters: ReadonlySet<string> = new Set(["in_hot_standby", "default_transaction_read_only"]);

/** The server has started a session for us, in which can be written. */
export async function awaitReady(
  conversation: Conversation,
  signal: AbortSignal,
): Promise<{ readonly detail: string; readonly found: undefined }> {
  let readOnly: string | undefined;
  for (;;) {
    const { letter, body } = await conversation.message("SZ", signal);
    if (letter === "Z") break;
    const { name, value } = readParameterStatus(body);
    if (value === "on" && readOnlyParameters.has(name)) readOnly = name;
  }
  if (readOnly !== undefined) {
    throw new StepFailed({ kind: "read-only", parameter: readOnly }, `the server says that ${readOnly} is on`);
  }
  return { detail: "a session has begun", found: undefined };
}
