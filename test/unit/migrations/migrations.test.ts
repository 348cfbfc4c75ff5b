import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { readMigrations } from "#lib/migrate/folder/source.ts";

const root = resolve(import.meta.dirname, "../../..");
const migrationsDir = join(root, "migrations");

describe("the example's migrations", () => {
  it("hold what schema.ts says: drizzle-kit has nothing to add", { timeout: 60_000 }, async () => {
    await using copy = await copyProject();
    const before = await listFiles(copy.dir);
    const { stdout } = await drizzleKit(copy.dir, ["generate"]);
    expect(stdout).toContain("No schema changes");
    expect(await listFiles(copy.dir)).toEqual(before);
  });

  it("are named in the journal, every one, and in the order of its times", async () => {
    const { migrations } = await readMigrations(migrationsDir);
    const files = (await readdir(migrationsDir)).filter((name) => name.endsWith(".sql"));
    expect(files.toSorted()).toEqual(migrations.map(({ tag }) => `${tag}.sql`));
    const times = migrations.map(({ when }) => when);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it("each have the snapshot that the next `npm run generate` compares with", async () => {
    const { migrations } = await readMigrations(migrationsDir);
    const snapshots = await Promise.all(
      migrations.map(async ({ index }) => readSnapshot(`${String(index).padStart(4, "0")}_snapshot.json`)),
    );
    // Each one names the one before it: two branches that were merged would show here.
    expect(snapshots.slice(1).map(({ prevId }) => prevId)).toEqual(snapshots.slice(0, -1).map(({ id }) => id));
  });

  it("name every constraint, and create no extension", async () => {
    const { migrations } = await readMigrations(migrationsDir);
    const statements = migrations.flatMap((migration) => migration.statements);
    for (const statement of statements) {
      expect(statement).not.toMatch(/create\s+extension/i);
      const nameless = statement.replaceAll(/constraint "\w+" (primary key|unique|check|foreign key)/gi, "");
      expect(nameless).not.toMatch(/\b(primary key|unique|check|foreign key)\b/i);
    }
  });
});

type Snapshot = { readonly id: string; readonly prevId: string };

async function readSnapshot(name: string): Promise<Snapshot> {
  return JSON.parse(await readFile(join(migrationsDir, "meta", name), "utf8")) as Snapshot;
}

/** drizzle-kit writes beside what it reads: it gets a copy, with the real configuration. */
async function copyProject(): Promise<AsyncDisposable & { readonly dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), "postern-migrations-"));
  await cp(migrationsDir, join(dir, "migrations"), { recursive: true });
  await cp(join(root, "drizzle.config.ts"), join(dir, "drizzle.config.ts"));
  await cp(join(root, "package.json"), join(dir, "package.json"));
  await symlink(join(root, "node_modules"), join(dir, "node_modules"));
  return { dir, [Symbol.asyncDispose]: async () => rm(dir, { recursive: true }) };
}

async function drizzleKit(cwd: string, args: readonly string[]): Promise<{ stdout: string }> {
  const packageFile = createRequire(import.meta.url).resolve("drizzle-kit");
  return await promisify(execFile)(process.execPath, [join(dirname(packageFile), "bin.cjs"), ...args], { cwd });
}

async function listFiles(dir: string): Promise<string[]> {
  return (await readdir(join(dir, "migrations"), { recursive: true })).toSorted();
}
