import { glob, open } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import process from "node:process";
import { type Line, LineType, parse as parseConfig } from "ssh-config";
import { PosternError } from "#lib/base/errors.ts";
import { type ClientPlace, inPlace } from "./client-place.ts";

/** One setting of `~/.ssh/config`, with all that must hold for it to apply. In the order of the file. */
export type ConfigEntry = {
  /** Lower-case. */
  readonly keyword: string;
  readonly values: readonly string[];
  readonly conditions: readonly ConfigCondition[];
  readonly file: string;
};

export type ConfigCondition =
  | { readonly kind: "host"; readonly patterns: readonly string[] }
  | { readonly kind: "match"; readonly criteria: readonly MatchCriterion[]; readonly file: string };

export type MatchCriterion = { readonly name: string; readonly isNegated: boolean; readonly value: string };

/** As ssh has it (`READCONF_MAX_DEPTH`): a file that includes itself ends here. */
const maxDepth = 16;

export type ConfigFileOptions = {
  readonly file: string;
  /** False for one that somebody named: it must be there. */
  readonly mayBeMissing: boolean;
  readonly place: ClientPlace;
};

/**
 * Reads the client's configuration with what it includes. The library `ssh-config` reads the syntax; what applies to a
 * host is worked out in `client-config.ts`, because the library's own `compute` runs programs (`Match exec`, nslookup)
 * and leaves `Include` out.
 *
 * @throws PosternError config.invalid
 */
export async function readConfigFile({
  file,
  mayBeMissing,
  place,
}: ConfigFileOptions): Promise<readonly ConfigEntry[]> {
  return readEntries({ file, mayBeMissing, place, depth: 0, outer: [] });
}

type Reading = ConfigFileOptions & {
  readonly depth: number;
  /** Of the block that includes this file. */
  readonly outer: readonly ConfigCondition[];
};

async function readEntries(reading: Reading): Promise<readonly ConfigEntry[]> {
  const { file, mayBeMissing, outer } = reading;
  if (reading.depth > maxDepth) throw invalid(file, "it is included in itself, or too deep");
  const text = await readText(file, mayBeMissing);
  return text === undefined ? [] : collect(parse(text, file), outer, reading);
}

async function collect(
  lines: readonly Line[],
  conditions: readonly ConfigCondition[],
  reading: Reading,
): Promise<readonly ConfigEntry[]> {
  const { file } = reading;
  const entries: ConfigEntry[] = [];
  for (const line of lines) {
    if (line.type !== LineType.DIRECTIVE) continue;
    const keyword = line.param.toLowerCase();
    const values = valuesOf(line.value);
    if ("config" in line) {
      entries.push(...(await collect(line.config, [...conditions, conditionOf(keyword, values, file)], reading)));
    } else if (keyword === "include") {
      for (const included of await findIncluded(values, reading.place)) {
        const inner = { ...reading, file: included, mayBeMissing: true, depth: reading.depth + 1, outer: conditions };
        entries.push(...(await readEntries(inner)));
      }
    } else {
      entries.push({ keyword, values, conditions, file });
    }
  }
  return entries;
}

function conditionOf(keyword: string, values: readonly string[], file: string): ConfigCondition {
  if (keyword === "host") return { kind: "host", patterns: values };
  const criteria: MatchCriterion[] = [];
  for (let index = 0; index < values.length; index += 1) {
    const word = (values[index] ?? "").toLowerCase();
    const isNegated = word.startsWith("!");
    const name = isNegated ? word.slice(1) : word;
    const hasValue = !["all", "canonical", "final"].includes(name);
    if (hasValue) index += 1;
    criteria.push({ name, isNegated, value: hasValue ? (values[index] ?? "") : "" });
  }
  return { kind: "match", criteria, file };
}

function valuesOf(value: string | readonly { readonly val: string }[]): readonly string[] {
  return typeof value === "string" ? [value] : value.map(({ val }) => val);
}

/** Names without a folder are in `~/.ssh`; patterns that find nothing include nothing. */
async function findIncluded(patterns: readonly string[], place: ClientPlace): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pattern of patterns) {
    const plain = inPlace(pattern, place);
    const path = isAbsolute(plain) ? plain : join(place.home, ".ssh", plain);
    found.push(...(await Array.fromAsync(glob(path))).toSorted());
  }
  return found;
}

function parse(text: string, file: string): readonly Line[] {
  try {
    return parseConfig(text);
  } catch (error) {
    const reason = error instanceof TypeError ? "a keyword has no value" : error instanceof Error ? error.message : "";
    throw invalid(file, reason, error);
  }
}

/** Who can write this file decides where connections go: as ssh, this refuses one that others can write. */
async function readText(file: string, mayBeMissing: boolean): Promise<string | undefined> {
  try {
    await using handle = await open(file, "r");
    const { mode, uid } = await handle.stat();
    if (process.platform !== "win32" && (mode & 0o022) !== 0 && uid === process.getuid?.()) {
      throw new PosternError("config.invalid", `Others than its owner can write ${file}.`, {
        hint: `Run: chmod 600 ${file}`,
      });
    }
    return await handle.readFile("utf8");
  } catch (error) {
    if (error instanceof PosternError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    if (mayBeMissing && (code === "ENOENT" || code === "ENOTDIR")) return undefined;
    throw invalid(file, code, error);
  }
}

function invalid(file: string, reason: string, cause?: unknown): PosternError {
  return new PosternError("config.invalid", `The SSH configuration ${file} cannot be read: ${reason}.`, { cause });
}
