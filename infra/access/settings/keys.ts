import * as v from "valibot";
import { nearestNames } from "#lib/base/nearest-names.ts";

/** An object of these keys and no others. A missing key is told with what its value is expected to be, an unknown one with the nearest. */
export function exactly<const Entries extends v.ObjectEntries>(entries: Entries) {
  const keys = Object.keys(entries);
  return v.strictObject(entries, ({ expected, input }) => {
    if (expected === "never")
      return `is unknown; the nearest that is known is ${nearestNames(String(input), keys, 1).join("")}`;
    const missing = keys.find((key) => expected === JSON.stringify(key));
    if (missing !== undefined) return `is missing; ${expectedOf(entries[missing])}`;
    return `expected an object with ${keys.join(", ")}`;
  });
}

/** Whether an issue is about a key, and not about a value: its message goes on where the path ends. */
export function isAboutKey({ type, expected }: v.BaseIssue<unknown>): boolean {
  return type === "strict_object" && expected !== "Object";
}

function expectedOf(entry: v.ObjectEntries[string] | undefined): string {
  if (entry === undefined || entry.async) return "expected a value";
  return v.safeParse(entry, undefined).issues?.[0].message ?? "expected a value";
}
