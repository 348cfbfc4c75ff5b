import { createHash } from "node:crypto";
import type { SchemaDescription } from "./kit/kit-messages.ts";
import type { Rename } from "./renames.ts";

/** One value for a schema and its declared renames: where it is the same, a push does the same. */
export function hashSchema({ hash }: Pick<SchemaDescription, "hash">, renames: readonly Rename[]): string {
  return createHash("sha256")
    .update(`${hash}\n${JSON.stringify(renames)}`)
    .digest("hex");
}
