import * as v from "valibot";
import { PosternError } from "#lib/base/errors.ts";
import type { ErrorReply } from "#lib/protocol.ts";

export const errorDocumentSchema = v.object({
  code: v.string(),
  message: v.string(),
  hint: v.exactOptional(v.string()),
  sqlState: v.exactOptional(v.string()),
});

/** Strict: the progress of a run that failed has an `error` too, beside its state, and is an answer. */
const errorReplySchema = v.strictObject({ error: errorDocumentSchema });

/** Throws the error that a function's reply carries; returns any other reply. */
export function unwrapReply(reply: unknown): unknown {
  if (v.is(errorReplySchema, reply)) throw PosternError.fromDocument((reply satisfies ErrorReply).error);
  return reply;
}
