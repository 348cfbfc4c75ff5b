import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import { gunzipped, localContent, type SeedContent } from "./content.ts";

/** How a seed file gives its rows. The next format is one more entry here and one more case in `files.ts`. */
type SeedFormat = "csv" | "ndjson" | "module" | "sql";

/** One numbered file of a set: `20-products.ndjson`. */
export type SeedFilePath = {
  /** For people: `demo/20-products.ndjson`. */
  readonly name: string;
  /** On this machine; empty where it is elsewhere. */
  readonly path: string;
  readonly content: SeedContent;
  readonly format: SeedFormat;
  /** What stands between the number and the extension; the table's name in a data file. */
  readonly label: string;
};

/** Where sets come from: a folder here or in the bundle, or a bucket. */
export interface SeedSource {
  /**
   * The numbered files of one set, in the order of their numbers.
   *
   * @throws PosternError `seed.unknown-set`, `seed.invalid-file`
   */
  findFiles(set: string): Promise<SeedFilePath[]>;
}

const formats: Readonly<Record<string, SeedFormat>> = {
  csv: "csv",
  "csv.gz": "csv",
  ndjson: "ndjson",
  "ndjson.gz": "ndjson",
  sql: "sql",
  ts: "module",
  mjs: "module",
};

const setPattern = /^[a-z0-9][a-z0-9_-]*$/i;
const numberedPattern = /^(?<number>\d{1,9})-(?<label>.+?)\.(?<extension>[^.]+(?:\.gz)?)$/;
/** What may lie in a set without a number: what seed modules import, notes, source maps, the system's own files. */
const bystanderPattern = /^\.|\.(ts|mjs|map|md)$/;

/** The sets in a seeds folder, sorted; none when there is no such folder. */
export async function listSeedSets(seedsDir: string): Promise<string[]> {
  const entries = await readFolder(seedsDir);
  return entries
    .filter((entry) => entry.isDirectory() && isSetName(entry.name))
    .map((entry) => entry.name)
    .toSorted();
}

/** Whether a folder of that name can be a set, wherever it is. */
export function isSetName(name: string): boolean {
  return setPattern.test(name);
}

/** @param why for people: what is there instead */
export function unknownSet(set: string, why: string, hint?: string): PosternError {
  return new PosternError("seed.unknown-set", `There is no seed set ${JSON.stringify(set)} (${why}).`, { hint });
}

/**
 * The sets in a folder. A set is only ever looked up among the folders that are there, so a name such as `../x` finds
 * nothing.
 */
export function folderSource(seedsDir: string): SeedSource {
  return {
    async findFiles(set) {
      const sets = await listSeedSets(seedsDir);
      if (!sets.includes(set)) {
        throw unknownSet(set, sets.length === 0 ? `${seedsDir} holds no sets` : `sets: ${sets.join(", ")}`);
      }
      const dir = join(seedsDir, set);
      const entries = (await readFolder(dir)).map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }));
      return nameSeedFiles(set, entries, dir).map((named) => {
        const path = join(dir, named.fileName);
        return toSeedFile(named, localContent(path, named.name), path);
      });
    },
  };
}

/** A file of a set, as far as its name tells. */
export type NamedSeedFile = Pick<SeedFilePath, "name" | "label" | "format"> & {
  readonly fileName: string;
  readonly number: number;
  readonly isPacked: boolean;
};

/**
 * Which of the entries are files of the set, in the order of their numbers.
 *
 * @param place for people: where the set is
 * @throws PosternError `seed.invalid-file` for an empty set, a file that would be passed over in silence, an unknown format
 *   or a number used twice
 */
export function nameSeedFiles(
  set: string,
  entries: readonly { readonly name: string; readonly isFolder: boolean }[],
  place: string,
): NamedSeedFile[] {
  const files = entries.map((entry) => parseEntry(set, entry)).filter((file) => file !== undefined);
  if (files.length === 0) {
    throw new PosternError("seed.invalid-file", `The seed set ${set} has no files in ${place}.`, {
      hint: "Add one, for instance 01-countries.csv: the table's name in the file's name, its columns in the first line.",
    });
  }
  const ordered = files.toSorted((a, b) => a.number - b.number);
  refuseSharedNumbers(ordered);
  return ordered;
}

export function toSeedFile(
  { name, label, format, isPacked }: NamedSeedFile,
  content: SeedContent,
  path = "",
): SeedFilePath {
  return { name, label, format, path, content: isPacked ? gunzipped(content, name) : content };
}

function parseEntry(
  set: string,
  entry: { readonly name: string; readonly isFolder: boolean },
): NamedSeedFile | undefined {
  const name = `${set}/${entry.name}`;
  const { number, label, extension = "" } = numberedPattern.exec(entry.name)?.groups ?? {};
  if (number === undefined || label === undefined) {
    if (entry.isFolder || bystanderPattern.test(entry.name)) return undefined;
    throw invalidName(name, "has no number in front, so its place in the order is unknown");
  }
  const format = Object.hasOwn(formats, extension) ? formats[extension] : undefined;
  if (entry.isFolder || format === undefined) {
    throw invalidName(name, `is none of the formats ${Object.keys(formats).join(", ")}`);
  }
  return { name, fileName: entry.name, format, label, number: Number(number), isPacked: extension.endsWith(".gz") };
}

function refuseSharedNumbers(ordered: readonly NamedSeedFile[]): void {
  for (const [index, file] of ordered.entries()) {
    const next = ordered[index + 1];
    if (next !== undefined && next.number === file.number) {
      throw invalidName(next.name, `has the same number as ${file.name}, so their order is unknown`);
    }
  }
}

function invalidName(name: string, problem: string): PosternError {
  const hint = "Seed files are named NUMBER-TABLE.EXTENSION, for instance 10-customers.ndjson.";
  return new PosternError("seed.invalid-file", `${name} ${problem}.`, { hint });
}

async function readFolder(dir: string): Promise<Dirent[]> {
  try {
    return await readdir(dir, { withFileTypes: true });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw new PosternError("seed.unknown-set", `${dir} cannot be read (${code}).`, { cause: error });
  }
}
