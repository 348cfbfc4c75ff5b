import type { TypeName } from "libpg-query";
import type { ColumnFacts } from "./facts.ts";

export type TypeChange = {
  /** False where PostgreSQL only changes the catalog. */
  readonly rewrites: boolean;
  /** Every value that fits the old type fits the new one, unchanged. */
  readonly widens: boolean;
};

type PlainType = { readonly name: string; readonly mods: readonly number[]; readonly isArray: boolean };

/**
 * What ALTER COLUMN TYPE does with the rows. PostgreSQL keeps them where the types are binary compatible or the new
 * modifier only allows more (ATColumnChangeRequiresRewrite, and the support functions of varchar, numeric, timestamp…).
 * What is not known to be harmless counts as a rewrite that may lose something. Pure.
 */
export function judgeTypeChange(from: ColumnFacts | undefined, to: TypeName, hasUsing: boolean): TypeChange {
  const after = readType(to);
  if (from === undefined || hasUsing || after === undefined) return { rewrites: true, widens: false };
  const before: PlainType = {
    name: from.type,
    mods: readTypmod(from.type, from.typmod),
    isArray: from.type.startsWith("_"),
  };
  if (before.isArray || after.isArray) return { rewrites: true, widens: false };
  if (before.name === after.name) return judgeModifiers(before, after);
  if (isText(before) && isText(after)) {
    const fits = after.mods.length === 0 || (before.mods.length > 0 && (after.mods[0] ?? 0) >= (before.mods[0] ?? 0));
    return { rewrites: !fits, widens: fits };
  }
  if (before.name === "cidr" && after.name === "inet") return { rewrites: false, widens: true };
  return { rewrites: true, widens: after.mods.length === 0 && (widerThan[before.name] ?? []).includes(after.name) };
}

const widerThan: Readonly<Record<string, readonly string[]>> = {
  int2: ["int4", "int8", "numeric", "float4", "float8"],
  int4: ["int8", "numeric", "float8"],
  int8: ["numeric"],
  float4: ["float8"],
  json: ["text"],
  uuid: ["text"],
};

function isText({ name }: PlainType): boolean {
  return name === "text" || name === "varchar";
}

function judgeModifiers(before: PlainType, after: PlainType): TypeChange {
  const same = before.mods.join() === after.mods.join();
  if (same) return { rewrites: false, widens: true };
  const [oldFirst = Infinity, oldScale = 0] = before.mods;
  const [newFirst = Infinity, newScale = 0] = after.mods;
  switch (before.name) {
    case "varchar":
    case "varbit":
    case "timestamp":
    case "timestamptz":
    case "time":
    case "timetz":
      return { rewrites: newFirst < oldFirst, widens: newFirst >= oldFirst };
    case "numeric": {
      // Without modifiers it takes anything; another scale rewrites, for the digits are stored with it.
      if (after.mods.length === 0) return { rewrites: false, widens: true };
      if (before.mods.length === 0) return { rewrites: true, widens: false };
      const widens = newScale >= oldScale && newFirst - newScale >= oldFirst - oldScale;
      return { rewrites: newScale !== oldScale || newFirst < oldFirst, widens };
    }
    default:
      return { rewrites: true, widens: newFirst >= oldFirst };
  }
}

/** `pg_attribute.atttypmod` as the modifiers that one writes. */
function readTypmod(type: string, typmod: number): number[] {
  if (typmod < 0) return [];
  switch (type) {
    case "varchar":
    case "bpchar":
      return [typmod - 4];
    case "numeric": {
      // Eleven bits of scale, signed, below the precision (numeric.c, make_numeric_typmod).
      const packed = typmod - 4;
      // oxlint-disable-next-line no-bitwise -- a packed field
      return [(packed >> 16) & 0xff_ff, ((packed & 0x7_ff) ^ 0x4_00) - 0x4_00];
    }
    default:
      return [typmod];
  }
}

function readType({ names = [], typmods = [], arrayBounds = [] }: TypeName): PlainType | undefined {
  const last = names.at(-1);
  if (last === undefined || !("String" in last)) return undefined;
  const mods = typmods.map((mod) => ("A_Const" in mod ? (mod.A_Const.ival?.ival ?? 0) : Number.NaN));
  // numeric(10) is numeric(10, 0).
  const name = last.String.sval ?? "";
  const filled = name === "numeric" && mods.length === 1 ? [...mods, 0] : mods;
  return { name, mods: filled, isArray: arrayBounds.length > 0 };
}
