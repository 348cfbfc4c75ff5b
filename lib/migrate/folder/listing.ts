/** A migration as a folder names it, before its file is read. */
export type ListedMigration = {
  readonly tag: string;
  /** Milliseconds since 1970; drizzle's table keeps it as `created_at`. */
  readonly when: number;
  /** What drizzle 1.0 calls it, in the column `name` of its table. */
  readonly name: string;
  /** Its file, from the folder. */
  readonly file: string;
};

/** `journal`: `meta/_journal.json` and one `<tag>.sql` a migration (drizzle-kit 0.31). `folders`: one folder a migration (1.0). */
export type FolderFormat = "journal" | "folders";

export type Listing = {
  readonly format: FolderFormat;
  /** In the order in which drizzle applies them. */
  readonly migrations: readonly ListedMigration[];
  /** SQL files beside them that no tool would ever apply. */
  readonly unlisted: readonly string[];
};

/** The last time that a `Date` can hold. */
export const latestTime = 8_640_000_000_000_000;

/**
 * A tag becomes a file name, a line of a report and a value in drizzle's table: no separators, so that a journal cannot
 * point outside its folder, and no control characters, so that a name cannot pass for a line of its own.
 */
export const tagPattern = /^[^/\\\p{Cc}]+$/u;
