import type { Conversation } from "../conversation.ts";

/** The server has started a session for us. */
export async function awaitReady(
  conversation: Conversation,
  signal: AbortSignal,
): Promise<{ readonly detail: string; readonly found: undefined }> {
  await conversation.message("Z", signal);
  return { detail: "a session has begun", found: undefined };
}
