import { hash } from "node:crypto";
import { type Dirent, readdirSync } from "node:fs";
import { PosternError } from "#lib/base/errors.ts";
import { readSqlFile } from "./file.ts";
import { listFolders } from "./folders.ts";
import { hasJournal, journalFile, listJournal } from "./journal.ts";
import type { ListedMigration, Listing } from "./listing.ts";

/** One migration as it stands in the folder. */
export type Migration = ListedMigration & {
  /** Place in the order of application, from 0. */
  readonly index: number;
  /** SHA-256 (hex) of the file's text, the same that drizzle's migrator stores as `hash`. */
  readonly checksum: string;
  /** The whole file. */
  readonly text: string;
  readonly statements: readonly string[];
};

/** A migrations folder of drizzle-kit, in either of its formats. */
export type MigrationFolder = Omit<Listing, "migrations"> & {
  readonly dir: string;
  /** In the order of application. */
  readonly migrations: readonly Migration[];
  /** SHA-256 (hex) over every tag, time and checksum, and what is unlisted: two folders with the same hash do the same. */
  readonly hash: string;
};

/** Where drizzle-kit cuts a file; to SQL it is a comment. */
export const statementBreakpoint = "--> statement-breakpoint";

/**
 * Reads and checks the whole folder before anything connects, so that a broken folder changes nothing.
 *
 * @throws PosternError `migrations.missing`, `migrations.unknown-format`, `migrations.mixed-formats`,
 *   `migrations.broken-journal`, `migrations.missing-file`, `migrations.invalid-file`
 */
export async function readMigrations(dir: string): Promise<MigrationFolder> {
  const { format, migrations: listed, unlisted } = listMigrations(dir);
  const migrations = listed.map((entry, index): Migration => {
    const text = readSqlFile(dir, entry);
    return Object.assign(entry, { index, checksum: sha256(text), text, statements: splitStatements(text) });
  });
  return { dir, format, migrations, unlisted, hash: hashFolder(migrations, unlisted) };
}

/** Which of drizzle's formats a folder has is told by what is in it; both at once is neither tool's. */
function listMigrations(dir: string): Listing {
  const entries = readEntries(dir);
  const sqlFiles = entries
    .filter((entry) => !entry.isDirectory() && entry.name.endsWith(".sql") && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .toSorted();
  // A link may lead to a folder; drizzle follows it.
  const subfolders = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name);
  const folders = listFolders(dir, subfolders, sqlFiles);
  if (folders !== undefined && hasJournal(dir)) {
    const [first] = folders.migrations;
    const seen = `it has ${journalFile} of drizzle-kit 0.31 and ${first?.file} of 1.0`;
    throw new PosternError("migrations.mixed-formats", `The folder ${dir} has two formats: ${seen}.`);
  }
  if (folders !== undefined) return folders;
  if (subfolders.includes("meta")) return listJournal(dir, sqlFiles);
  const expected = `${journalFile} (drizzle-kit 0.31) or <timestamp>_<name>/migration.sql (1.0)`;
  throw new PosternError("migrations.unknown-format", `The folder ${dir} has no migrations: expected ${expected}.`);
}

/** Not asynchronous, as for the files. */
function readEntries(dir: string): Dirent[] {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch (cause) {
    throw new PosternError("migrations.missing", `There is no migrations folder at ${dir}.`, { cause });
  }
}

function splitStatements(text: string): string[] {
  return text
    .split(statementBreakpoint)
    .map((statement) => statement.replace(/^\uFEFF/u, "").trim())
    .filter((statement) => statement !== "");
}

function hashFolder(migrations: readonly Migration[], unlisted: readonly string[]): string {
  return sha256(
    [
      ...migrations.map(({ tag, when, checksum }) => `${tag}\0${when}\0${checksum}\n`),
      ...unlisted.map((file) => `unlisted\0${file}\n`),
    ].join(""),
  );
}

function sha256(text: string): string {
  return hash("sha256", text);
}
