import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BenchMigration } from "./ddl.ts";

/** The same migrations in the form of each tool. */
export type MigrationFolders = {
  /** Journal and files: drizzle-kit's, which Postern reads too. */
  readonly drizzle: string;
  readonly nodePgMigrate: string;
  readonly graphile: string;
  /** One file with everything. */
  readonly psql: string;
};

const firstTime = 1_700_000_000_000;

export async function writeFolders(dir: string, migrations: readonly BenchMigration[]): Promise<MigrationFolders> {
  const folders = {
    drizzle: join(dir, "drizzle"),
    nodePgMigrate: join(dir, "node-pg-migrate"),
    graphile: join(dir, "graphile"),
    psql: join(dir, "all.sql"),
  };
  await mkdir(join(folders.drizzle, "meta"), { recursive: true });
  await mkdir(folders.nodePgMigrate);
  await mkdir(join(folders.graphile, "committed"), { recursive: true });

  const entries = migrations.map(({ tag }, idx) => ({
    idx,
    version: "7",
    when: firstTime + idx,
    tag,
    breakpoints: true,
  }));
  const journal = { version: "7", dialect: "postgresql", entries };
  await writeFile(join(folders.drizzle, "meta", "_journal.json"), JSON.stringify(journal));

  let previous: string | undefined;
  for (const [index, { tag, statements }] of migrations.entries()) {
    const text = `${statements.join("\n")}\n`;
    await writeFile(join(folders.drizzle, `${tag}.sql`), statements.join("\n--> statement-breakpoint\n"));
    await writeFile(join(folders.nodePgMigrate, `${firstTime + index}_${tag}.sql`), `-- Up Migration\n${text}`);
    const hash = graphileHash(text, previous);
    const head = `--! Previous: ${previous ?? "-"}\n--! Hash: ${hash}\n\n`;
    await writeFile(join(folders.graphile, "committed", `${String(index + 1).padStart(6, "0")}.sql`), `${head}${text}`);
    previous = hash;
  }
  await writeFile(folders.psql, migrations.map(({ statements }) => `${statements.join("\n")}\n`).join(""));
  return folders;
}

/** As graphile-migrate's `hash.ts`: each migration's hash is over the one before it too. */
function graphileHash(text: string, previous: string | undefined): string {
  const preimage = `${`${previous ?? ""}\n${text.trim()}`.trim()}\n`;
  return `sha1:${createHash("sha1").update(preimage).digest("hex")}`;
}
