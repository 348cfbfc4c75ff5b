import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { type Authentication, readAuthentication } from "#lib/postgres/wire/fields.ts";
import { encodeStartup } from "#lib/postgres/wire/frontend.ts";
import type { Conversation } from "../conversation.ts";

/** Names user and database; what comes back is how the server wants to know that it is us. */
export async function begin(
  conversation: Conversation,
  { user, database }: DatabaseAddress,
  signal: AbortSignal,
): Promise<{ readonly detail: string; readonly found: Authentication }> {
  conversation.send(encodeStartup({ user, database, client_encoding: "UTF8", application_name: "postern-doctor" }));
  const { body } = await conversation.message("R", signal);
  const found = readAuthentication(body);
  const how = found.kind === "sasl" ? found.mechanisms.join(" or ") : found.kind;
  return { detail: `as ${user}; the server asks for ${how}`, found };
}
