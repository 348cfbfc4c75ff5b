import * as v from "valibot";
import { nearestNames } from "#lib/base/nearest-names.ts";

/** Names that Valibot leaves out of a record without a word: a protected stage of such a name would not be protected. */
const lostNames = ["__proto__", "constructor", "prototype"];

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

/** An object of any names, but those that would be lost. A list, which passes for a record without entries, is refused. */
export function byName<Key extends v.GenericSchema<string, string>, Value extends v.GenericSchema>(
  key: Key,
  value: Value,
  expected: string,
) {
  return v.pipe(
    v.custom<Record<string, v.InferInput<Value>>>(
      (input) => typeof input === "object" && input !== null && !Array.isArray(input),
      expected,
    ),
    v.check(
      (input) => !lostNames.some((name) => Object.hasOwn(input, name)),
      `expected other names than ${lostNames.join(", ")}, which would be lost`,
    ),
    v.record(key, value, expected),
  );
}

/** Whether an issue is about a key, and not about a value: its message goes on where the path ends. */
export function isAboutKey({ type, expected }: v.BaseIssue<unknown>): boolean {
  return type === "strict_object" && expected !== "Object";
}

function expectedOf(entry: v.ObjectEntries[string] | undefined): string {
  if (entry === undefined || entry.async) return "expected a value";
  return v.safeParse(entry, undefined).issues?.[0].message ?? "expected a value";
}
