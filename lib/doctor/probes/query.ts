import type { Clock } from "#lib/base/clock.ts";
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

/** As many bytes up that no packet is large, as far as a network has it: what passes then failed for its packets' size. */
export async function askInSmallPackets(conversation: Conversation, clock: Clock, signal: AbortSignal): Found {
  const bytes = 8 * 1024;
  const message = encodeQuery(`select length('${"x".repeat(bytes)}')`);
  for (let offset = 0; offset < message.length; offset += 200) {
    conversation.send(message.subarray(offset, offset + 200));
    await clock.sleep(1, signal).catch(() => {});
  }
  const { body } = await conversation.message("D", signal);
  expectThat(readDataRow(body)[0]?.toString() === String(bytes), `of ${bytes} bytes others arrived`);
  return { detail: `${bytes} bytes went up in small packets`, found: undefined };
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
