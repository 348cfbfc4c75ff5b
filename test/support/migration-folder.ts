import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type MigrationFolder, readMigrations } from "#lib/migrate/folder/source.ts";

export type TestFolder = AsyncDisposable & {
  readonly dir: string;
  /** Writes these texts and no others, one migration each with its tag from its place, and reads the folder. */
  write(texts: readonly string[]): Promise<MigrationFolder>;
  /** Reads what was written last. */
  read(): Promise<MigrationFolder>;
};

/** A temporary migrations folder as drizzle-kit writes it. */
export async function makeMigrationFolder(): Promise<TestFolder> {
  const dir = await mkdtemp(join(tmpdir(), "postern-migrations-"));
  await mkdir(join(dir, "meta"));
  return {
    dir,
    async write(texts) {
      for (const name of await readdir(dir)) if (name.endsWith(".sql")) await rm(join(dir, name));
      const entries = texts.map((_, idx) => ({ idx, when: 1_700_000_000_000 + idx, tag: tagOf(idx) }));
      await writeFile(join(dir, "meta", "_journal.json"), JSON.stringify({ entries }));
      for (const [index, text] of texts.entries()) await writeFile(join(dir, `${tagOf(index)}.sql`), text);
      return await readMigrations(dir);
    },
    read: async () => readMigrations(dir),
    [Symbol.asyncDispose]: async () => rm(dir, { recursive: true }),
  };
}

function tagOf(index: number): string {
  return `${String(index).padStart(4, "0")}_step`;
}
