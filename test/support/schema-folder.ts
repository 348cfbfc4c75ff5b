import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Rename } from "#lib/migrate/push/renames.ts";

export type SchemaFolder = AsyncDisposable & {
  readonly dir: string;
  readonly schemaFile: string;
  readonly renamesFile: string;
  /** Writes `schema.ts` with these exports; everything of `drizzle-orm/pg-core` is in scope as `pg`. */
  write(exports: string, renames?: readonly Rename[]): Promise<void>;
};

/** A temporary folder with a schema file, where no package is installed. */
export async function makeSchemaFolder(): Promise<SchemaFolder> {
  const dir = await mkdtemp(join(tmpdir(), "postern-schema-test-"));
  const schemaFile = join(dir, "schema.ts");
  const renamesFile = join(dir, "renames.json");
  return {
    dir,
    schemaFile,
    renamesFile,
    async write(exports, renames) {
      const imports = 'import { sql } from "drizzle-orm"; import * as pg from "drizzle-orm/pg-core"; void sql;';
      await writeFile(schemaFile, `${imports}\n${exports}`);
      await rm(renamesFile, { force: true });
      if (renames !== undefined) await writeFile(renamesFile, JSON.stringify(renames));
    },
    [Symbol.asyncDispose]: async () => rm(dir, { recursive: true }),
  };
}
