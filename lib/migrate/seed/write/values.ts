import { writtenNumber } from "../format/raw-json.ts";

/** What JSON values a column takes; decided by its type's category in the catalog. */
export type ColumnKind = "json" | "array" | "number" | "boolean" | "text";

export type ValueColumn = { readonly name: string; readonly type: string; readonly kind: ColumnKind };

/**
 * A JSON value as PostgreSQL reads it as text, null for SQL's null, or undefined when the column does not take it.
 * Stricter than PostgreSQL where a value would be changed in silence: a number in a text column has lost its leading
 * zeros already, an integer beyond 2^53 its last digits, a lone surrogate is no character.
 */
export function toText(value: unknown, column: ValueColumn): string | null | undefined {
  if (value === null) return null;
  const written = writtenNumber(value);
  if (written !== undefined && column.kind === "number") return written;
  switch (column.kind) {
    case "json":
      return JSON.stringify(value);
    case "array":
      return Array.isArray(value) ? toArrayText(value) : takeString(value);
    case "number":
      return typeof value === "number" ? takeNumber(value) : takeString(value);
    case "boolean":
      return typeof value === "boolean" ? String(value) : takeString(value);
    case "text":
      return takeString(value);
    default:
      return column.kind satisfies never;
  }
}

/** Why `toText` gave undefined, without the value itself. */
export function describeUnsuited(value: unknown, column: ValueColumn): string {
  const what = `column ${column.name} (${column.type})`;
  if (typeof value === "number" && column.kind === "number") {
    return `${what} has a number that JSON cannot hold exactly: write it as a string`;
  }
  if (typeof value === "string") return `${what} has text that is not valid Unicode`;
  return `${what} takes ${takes[column.kind]}, not ${describeKind(value)}`;
}

const takes: Readonly<Record<ColumnKind, string>> = {
  json: "any JSON value",
  array: "an array of scalars, or a string such as {a,b}",
  number: "a number or a string",
  boolean: "a boolean or a string",
  text: "a string",
};

function describeKind(value: unknown): string {
  if (value === undefined) return "undefined";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function takeString(value: unknown): string | undefined {
  return typeof value === "string" && value.isWellFormed() ? value : undefined;
}

function takeNumber(value: number): string | undefined {
  const isExact = Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
  return isExact ? String(value) : undefined;
}

/** `{"a","b",NULL}`: quoting every element keeps commas, braces and the word NULL as data. */
function toArrayText(values: readonly unknown[]): string | undefined {
  const elements = values.map((value): string | undefined => {
    if (value === null) return "NULL";
    if (Array.isArray(value)) return toArrayText(value);
    const text =
      typeof value === "number" ? takeNumber(value) : typeof value === "boolean" ? String(value) : takeString(value);
    return text === undefined ? undefined : `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
  });
  return elements.includes(undefined) ? undefined : `{${elements.join(",")}}`;
}
