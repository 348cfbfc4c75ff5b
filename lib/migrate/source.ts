import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import { PosternError } from "#lib/base/errors.ts";

/** One migration as it stands in the folder. */
export type Migration = {
  /** Place in the journal, from 0. */
  readonly index: number;
  readonly tag: string;
  /** Journal time in milliseconds since 1970; drizzle's table keeps it as `created_at`. */
  readonly when: number;
  /** SHA-256 (hex) of the file's text, the same that drizzle's migrator stores as `hash`. */
  readonly checksum: string;
  /** Name of the file within the folder. */
  readonly file: string;
  /** The whole file. */
  readonly text: string;
  readonly statements: readonly string[];
};

/** A migrations folder as drizzle-kit 0.31 writes it: `meta/_journal.json` and one `<tag>.sql` an entry. */
export type MigrationFolder = {
  readonly dir: string;
  /** In journal order. */
  readonly migrations: readonly Migration[];
  /** SHA-256 (hex) over every tag, time and checksum: two folders with the same hash do the same. */
  readonly hash: string;
};

const journalSchema = v.object({
  entries: v.array(
    v.object({
      idx: v.pipe(v.number(), v.integer()),
      when: v.pipe(v.number(), v.integer()),
      // The tag becomes a file name: no separators, so that a journal cannot point outside its folder.
      tag: v.pipe(v.string(), v.regex(/^[^/\\\0]+$/u, "expected a file name without path separators")),
    }),
  ),
});

/** Where drizzle-kit cuts a file; to SQL it is a comment. */
export const statementBreakpoint = "--> statement-breakpoint";

/**
 * Reads and checks the whole folder before anything connects, so that a broken folder changes nothing.
 *
 * @throws PosternError `migrations.missing`, `migrations.broken-journal`, `migrations.missing-file`,
 *   `migrations.invalid-file`
 */
export async function readMigrations(dir: string): Promise<MigrationFolder> {
  const entries = await readJournal(dir);
  refuseRepeats(dir, entries);
  const migrations = await Promise.all(
    entries.map(async ({ tag, when }, index): Promise<Migration> => {
      const text = await readSql(dir, tag);
      return { index, tag, when, checksum: sha256(text), file: `${tag}.sql`, text, statements: splitStatements(text) };
    }),
  );
  const hash = sha256(migrations.map(({ tag, when, checksum }) => `${tag}\0${when}\0${checksum}\n`).join(""));
  return { dir, migrations, hash };
}

async function readJournal(dir: string): Promise<v.InferOutput<typeof journalSchema>["entries"]> {
  const folder = await stat(dir).catch(() => undefined);
  if (folder === undefined || !folder.isDirectory()) {
    throw new PosternError("migrations.missing", `There is no migrations folder at ${dir}.`);
  }
  const path = join(dir, "meta", "_journal.json");
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new PosternError("migrations.broken-journal", `The journal ${path} cannot be read.`, { cause });
  });
  const { entries } = parseInput(journalSchema, parseJson(path, text), {
    what: `The journal ${path}`,
    code: "migrations.broken-journal",
  });
  return entries;
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PosternError("migrations.broken-journal", `The journal ${path} is not JSON: ${reason}`, { cause });
  }
}

function refuseRepeats(dir: string, entries: readonly { readonly tag: string; readonly when: number }[]): void {
  const tags = new Set<string>();
  const tagByTime = new Map<number, string>();
  for (const { tag, when } of entries) {
    const sameTime = tagByTime.get(when);
    if (tags.has(tag)) {
      throw new PosternError("migrations.broken-journal", `The journal in ${dir} names ${tag} twice.`);
    }
    if (sameTime !== undefined) {
      // drizzle's table tells migrations apart by this time, so two with the same one cannot both be recorded.
      throw new PosternError(
        "migrations.broken-journal",
        `The journal in ${dir} gives ${sameTime} and ${tag} the same time ("when": ${when}).`,
      );
    }
    tags.add(tag);
    tagByTime.set(when, tag);
  }
}

async function readSql(dir: string, tag: string): Promise<string> {
  const path = join(dir, `${tag}.sql`);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new PosternError("migrations.missing-file", `The journal names ${tag}, but ${path} cannot be read.`, {
      cause,
    });
  });
  const text = decodeUtf8(path, bytes);
  if (text.trim() === "") throw new PosternError("migrations.invalid-file", `${path} is empty: expected SQL.`);
  return text;
}

function decodeUtf8(path: string, bytes: Uint8Array): string {
  try {
    // The mark is kept: drizzle hashes the text as Node reads it, mark included.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new PosternError("migrations.invalid-file", `${path} is not UTF-8: save it as UTF-8.`, { cause });
  }
}

function splitStatements(text: string): string[] {
  return text
    .split(statementBreakpoint)
    .map((statement) => statement.replace(/^\uFEFF/u, "").trim())
    .filter((statement) => statement !== "");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
