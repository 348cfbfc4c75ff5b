import { readDataRow } from "#lib/postgres/wire/fields.ts";
import { encodeQuery } from "#lib/postgres/wire/frontend.ts";
import type { Conversation } from "../conversation.ts";
import { StepFailed } from "../evidence.ts";

type Found = Promise<{ readonly detail: string; readonly found: undefined }>;

export async function query(conversation: Conversation, signal: AbortSignal): Found {
  const one = await ask(conversation, "select 1", signal);
  expectThat(one === "1", `select 1 gave ${one.length} bytes that are not 1`);
  return { detail: "select 1 gives 1", found: undefined };
}

/** A reply that does not fit into one packet. */
export async function askForRows(conversation: Conversation, bytes: number, signal: AbortSignal): Found {
  const text = await ask(conversation, `select repeat('x', ${bytes})`, signal);
  expectThat(text === "x".repeat(bytes), `of ${bytes} bytes ${text.length} came, or others`);
  return { detail: `${bytes} bytes came down`, found: undefined };
}

/** A request that does not fit into one packet. */
export async function askForTheLength(conversation: Conversation, bytes: number, signal: AbortSignal): Found {
  const length = await ask(conversation, `select length('${"x".repeat(bytes)}')`, signal);
  expectThat(length === String(bytes), `of ${bytes} bytes ${length} arrived`);
  return { detail: `${bytes} bytes went up`, found: undefined };
}

async function ask(conversation: Conversation, sql: string, signal: AbortSignal): Promise<string> {
  conversation.send(encodeQuery(sql));
  const { body } = await conversation.message("D", signal);
  await conversation.message("Z", signal);
  return readDataRow(body)[0]?.toString("utf8") ?? "";
}

function expectThat(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new StepFailed({ kind: "stranger", what: otherwise }, otherwise);
}
