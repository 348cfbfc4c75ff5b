import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import { PosternError } from "#lib/base/errors.ts";
import { latestTime, type Listing, type ListedMigration, tagPattern } from "./listing.ts";

export const journalFile = join("meta", "_journal.json");

const journalSchema = v.object({
  entries: v.array(
    v.object({
      idx: v.pipe(v.number(), v.integer()),
      when: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(latestTime)),
      tag: v.pipe(
        v.string(),
        v.regex(tagPattern, "expected a file name without path separators or control characters"),
      ),
    }),
  ),
});

/**
 * Lists a folder as drizzle-kit 0.31 writes it. Its order is the journal's: drizzle-orm 0.45 applies in that order
 * whatever comes after the row with the latest `created_at` (drizzle-orm 0.45.4, `src/migrator.ts` and
 * `PgDialect.migrate`, https://github.com/drizzle-team/drizzle-orm/tree/0.45.4).
 *
 * @param sqlFiles the names that end in `.sql`: those that the journal does not name, the usual result of a badly
 *   merged journal, are passed over by drizzle without a word, and are `unlisted` here
 * @throws PosternError `migrations.broken-journal`
 */
export function listJournal(dir: string, sqlFiles: readonly string[]): Listing {
  const path = join(dir, journalFile);
  const text = readText(path);
  const { entries } = parseInput(journalSchema, parseJson(path, text), {
    what: `The journal ${path}`,
    code: "migrations.broken-journal",
  });
  refuseRepeats(dir, entries);
  const migrations = entries.map(({ tag, when }): ListedMigration => ({
    tag,
    when,
    name: nameAfterUpgrade(tag, when),
    file: `${tag}.sql`,
  }));
  const listed = new Set(migrations.map(({ file }) => file));
  return { format: "journal", migrations, unlisted: sqlFiles.filter((file) => !listed.has(file)) };
}

/**
 * The folder that `drizzle-kit up` makes of a migration, and so the name that drizzle 1.0 will look for in the table: the
 * journal's time in seconds, and the tag without its number (drizzle-kit 1.0.0-rc.5, `planFoldersV3`).
 */
function nameAfterUpgrade(tag: string, when: number): string {
  const seconds = new Date(when).toISOString().slice(0, 19).replaceAll(/\D/gu, "");
  const [, ...rest] = tag.split("_");
  return `${seconds}_${rest.join("_")}`;
}

export function hasJournal(dir: string): boolean {
  return existsSync(join(dir, journalFile));
}

/** Not asynchronous, as for the files themselves. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new PosternError("migrations.broken-journal", `The journal ${path} cannot be read.`, { cause });
  }
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
