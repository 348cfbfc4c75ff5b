import type { Conversation } from "../conversation.ts";
import { StepFailed } from "../evidence.ts";
import { limitTime } from "../time-limit.ts";
import { query } from "./query.ts";

/** Lets the connection rest, and then asks again. What ends it meanwhile is seen at once. */
export async function rest(
  conversation: Conversation,
  holdMs: number,
  signal: AbortSignal,
): Promise<{ readonly detail: string; readonly found: undefined }> {
  using limit = limitTime(holdMs, signal);
  try {
    // No letter: nothing that comes ends the rest, but for an error and the end of the connection.
    await conversation.message("", limit.signal);
  } catch (error) {
    const isRested = error instanceof StepFailed && error.failure.kind === "timeout" && !signal.aborted;
    if (!isRested) throw error;
  }
  await query(conversation, signal);
  return { detail: `answers after ${holdMs / 1000} s of rest`, found: undefined };
}
