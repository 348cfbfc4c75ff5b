import { existsSync } from "node:fs";
import { join } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import { type ListedMigration, type Listing, tagPattern } from "./listing.ts";

const sqlFile = "migration.sql";

/** Fourteen digits: the time in UTC, to the second. */
const stamped = /^\d{14}/u;

/**
 * Lists a folder as drizzle-kit 1.0 writes it: `<timestamp>_<name>/migration.sql` with a `snapshot.json` beside it, and no
 * journal. What drizzle does with one (drizzle-orm 1.0.0-rc.5, `src/migrator.ts` and `src/migrator.utils.ts`,
 * https://github.com/drizzle-team/drizzle-orm/tree/v1.0.0-rc.5):
 *
 * - Each subfolder with a `migration.sql` is a migration; others are passed over. Its name is its identity: the column
 *   `name` of the table alone decides what is applied, so that an older one that was merged late is applied too.
 * - They are sorted by name with `localeCompare`. Two with the same timestamp are both applied, in the order of their names.
 * - The first 14 characters become `created_at`; `Date.UTC` takes what is no date (month 13) as a later one.
 *
 * A folder that is named like a migration is listed here whether or not it has its `migration.sql`: where drizzle passes
 * over it, reading fails. A `migration.sql` in a folder without a timestamp, for which drizzle would try to store NaN, is refused.
 *
 * @returns undefined when there is no such subfolder
 * @throws PosternError `migrations.invalid-file`
 */
export function listFolders(
  dir: string,
  subfolders: readonly string[],
  sqlFiles: readonly string[],
): Listing | undefined {
  const names = subfolders.filter((name) => stamped.test(name));
  for (const name of subfolders) {
    const isFit = stamped.test(name) ? tagPattern.test(name) : !existsSync(join(dir, name, sqlFile));
    if (isFit) continue;
    const expected = "expected a folder named <timestamp>_<name>, the timestamp 14 digits, no control characters";
    throw new PosternError("migrations.invalid-file", `${join(dir, name)} is no name of a migration: ${expected}.`);
  }
  if (names.length === 0) return undefined;
  const migrations = names
    .toSorted(inDrizzleOrder)
    .map((name): ListedMigration => ({ tag: name, when: readTime(name), name, file: join(name, sqlFile) }));
  return { format: "folders", migrations, unlisted: sqlFiles };
}

function readTime(name: string): number {
  const digits = (from: number, to: number) => Number(name.slice(from, to));
  return Date.UTC(digits(0, 4), digits(4, 6) - 1, digits(6, 8), digits(8, 10), digits(10, 12), digits(12, 14));
}

/** drizzle uses the locale of its machine; the timestamp's digits sort alike in all of them, and this one is everywhere. */
const { compare: inDrizzleOrder } = new Intl.Collator("en");
