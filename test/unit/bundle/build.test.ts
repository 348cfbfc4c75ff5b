import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { buildFunctions } from "#lib/bundle/build.ts";
import { findMainPath, gzippedSize } from "#lib/bundle/main-path.ts";
import { hashSeeds } from "#lib/migrate/seed/source/seeds-hash.ts";
import { readMigrations } from "#lib/migrate/folder/source.ts";

const files = {
  "package.json": '{ "name": "fixture", "version": "1.2.3", "type": "module" }',
  "functions/runner.ts": `
    import { strict } from "node:assert";
    import { shared } from "./shared.ts";
    export const handler = async (event: string) => (await import("./lazy.ts")).lazy(shared, event);
    strict.ok(typeof require === "function");`,
  "functions/runner-task.ts": 'export { shared } from "./shared.ts";',
  "functions/inspect.ts": 'export { shared as handler } from "./shared.ts";',
  "functions/health.ts": 'export { shared as handler } from "./shared.ts";',
  "functions/shared.ts": 'export const shared = "shared" as string;',
  "functions/lazy.ts": 'export const lazy = (...parts: string[]) => ["needed late", ...parts].join(" ");',
  "migrations/0000_first.sql": "select 1;",
  "migrations/meta/_journal.json": '{ "entries": [{ "idx": 0, "when": 1, "tag": "0000_first" }] }',
  "migrations/meta/0000_snapshot.json": "{}",
  "migrations/seeds/demo/10-things.ts": 'import { start } from "./start.ts"; export default [{ id: start as number }];',
  "migrations/seeds/demo/start.ts": "export const start = 7;",
  "migrations/seeds/demo/20-more.ndjson": '{"id":1}\n',
};

/** A repository with the files above, those in `changes` instead, and those that are undefined in it missing. */
async function makeRoot(changes: Readonly<Record<string, string | undefined>> = {}, name = "root"): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "postern-build-"));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  const root = join(folder, name);
  for (const [path, content] of Object.entries({ ...files, ...changes })) {
    if (content === undefined) continue;
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

async function list(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .filter((name) => !name.includes("chunk-"))
    .toSorted();
}

async function hashOf(changes: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  const root = await makeRoot(changes);
  return (await buildFunctions({ root, outDir: join(root, "out"), parts: [] })).info.schemaHash;
}

const written = (exports: string) => ({
  "migrations/schema.ts": `import { integer, pgTable } from "drizzle-orm/pg-core"; ${exports}`,
});

describe("a build", () => {
  test.each(["root", "100% a#b?c"])("makes a folder for each function with all it needs, below %j", async (name) => {
    const root = await makeRoot({ "migrations/schema.ts": "export {};" }, name);
    const outDir = join(root, "dist", "functions");
    const { info, parts } = await buildFunctions({ root, outDir });
    const common = ["bundle.json", "index.mjs", "migrations/0000_first.sql", "migrations/meta/_journal.json"];
    expect(await list(parts.health.dir)).toEqual(common);
    expect(await list(parts.inspect.dir)).toEqual(common);
    expect(await list(parts.runner.dir)).toEqual([
      ...common,
      "push/schema.mjs",
      "push/worker.mjs",
      "seed-modules.mjs",
      "seeds/demo/10-things.mjs",
      "seeds/demo/20-more.ndjson",
      "seeds/demo/start.mjs",
      "task.mjs",
    ]);
    expect(await readdir(join(root, "dist"))).toEqual(["functions"]);
    expect(JSON.parse(await readFile(join(parts.health.dir, "bundle.json"), "utf8"))).toEqual(info);
    expect(info).toEqual({
      version: "1.2.3",
      migrationsHash: (await readMigrations(join(parts.runner.dir, "migrations"))).hash,
      seedsHash: await hashSeeds(join(root, "migrations", "seeds")),
      schemaHash: expect.stringMatching(/^[0-9a-f]{64}$/u),
    });
  });

  test("has the CAs of its region in every part, and none without a region", async () => {
    const root = await makeRoot();
    const outDir = join(root, "out");
    const { authorities, parts } = await buildFunctions({ root, outDir, region: "eu-central-1" });
    expect(authorities?.names).toContain("Amazon RDS eu-central-1 Root CA RSA2048 G1");
    for (const { dir } of Object.values(parts)) {
      expect(await readFile(join(dir, "ca.pem"), "utf8")).toBe(authorities?.pem);
    }
    const without = await buildFunctions({ root, outDir });
    expect(without.authorities).toBeUndefined();
    for (const { dir } of Object.values(without.parts)) expect(await list(dir)).not.toContain("ca.pem");
  });

  test("takes the migrations of drizzle 1.0 with it, in their folders and without their snapshots", async () => {
    const root = await makeRoot({
      "migrations/0000_first.sql": undefined,
      "migrations/meta/_journal.json": undefined,
      "migrations/meta/0000_snapshot.json": undefined,
      "migrations/20260102030405_first/migration.sql": "select 1;\r\n",
      "migrations/20260102030405_first/snapshot.json": "{}",
      "migrations/20260102030406_it's second/migration.sql": "\uFEFFselect 2;",
      "migrations/left-behind.sql": "select 3;",
    });
    const { info, parts } = await buildFunctions({ root, outDir: join(root, "out"), parts: ["inspect"] });
    expect(await list(join(parts.inspect.dir, "migrations"))).toEqual([
      "20260102030405_first/migration.sql",
      "20260102030406_it's second/migration.sql",
      "left-behind.sql",
    ]);
    const copied = await readMigrations(join(parts.inspect.dir, "migrations"));
    expect({ hash: copied.hash, unlisted: copied.unlisted }).toEqual({
      hash: info.migrationsHash,
      unlisted: ["left-behind.sql"],
    });
  });

  test("makes modules that run where it put them: lazy parts, require, seeds in TypeScript", async () => {
    const root = await makeRoot();
    const { parts } = await buildFunctions({ root, outDir: join(root, "out"), parts: ["runner"] });
    const { handler } = (await import(join(parts.runner.dir, "index.mjs"))) as {
      handler: (event: string) => Promise<string>;
    };
    expect(await handler("event")).toBe("needed late shared event");
    const seed: unknown = await import(join(parts.runner.dir, "seeds/demo/10-things.mjs"));
    expect(seed).toMatchObject({ default: [{ id: 7 }] });
  });

  test("has PostgreSQL's parser and its WebAssembly where code loads it, and nowhere else", async () => {
    const parser = join(import.meta.dirname, "../../../lib/migrate/sql/parser.ts");
    const root = await makeRoot({
      "functions/lazy.ts": `
        import { loadParser } from ${JSON.stringify(parser)};
        export const lazy = async (_shared: string, sql: string) => (await loadParser())(sql);`,
    });
    const { parts } = await buildFunctions({ root, outDir: join(root, "out") });
    const { handler } = (await import(join(parts.runner.dir, "index.mjs"))) as {
      handler: (sql: string) => Promise<unknown>;
    };
    expect(await handler("create table t ()")).toMatchObject({
      ok: true,
      statements: [{ node: { CreateStmt: {} }, offset: 0, length: 17 }],
    });
    expect(await list(parts.runner.dir)).toContain("libpg-query.wasm");
    expect(await list(parts.health.dir)).not.toContain("libpg-query.wasm");
    const inputs = findMainPath(parts.runner.metafile).inputs;
    expect(inputs.filter((path) => path.includes("libpg-query"))).toEqual([]);
  });

  test(
    "takes the same value for the same schema, however it is written, and another for other renames",
    {
      timeout: 30_000,
    },
    async () => {
      const table = 'pgTable("things", { id: integer("id") })';
      const first = await hashOf(written(`export const things = ${table};`));
      expect(await hashOf(written(`// the same\n\nexport const called = ${table};`))).toBe(first);
      expect(await hashOf(written(`export const things = ${table.replace('"id")', '"nr")')};`))).not.toBe(first);
      const renames = { "migrations/renames.json": '[{ "table": "public.old", "to": "things" }]' };
      expect(await hashOf({ ...written(`export const things = ${table};`), ...renames })).not.toBe(first);
      expect(await hashOf({ "migrations/schema.ts": undefined })).toBeUndefined();
    },
  );

  test("replaces the one before, of which nothing stays", async () => {
    const root = await makeRoot();
    const outDir = join(root, "out");
    await buildFunctions({ root, outDir });
    await writeFile(join(outDir, "runner", "stale.mjs"), "");
    const { parts } = await buildFunctions({ root, outDir });
    expect(await list(parts.runner.dir)).not.toContain("stale.mjs");
    expect(await readdir(root)).not.toContainEqual(expect.stringMatching(/^\.out/u));
  });

  test("names the commit, and says when the tree had changes", async () => {
    const root = await makeRoot({ ".gitignore": "out\n" });
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t.example", ...args], { cwd: root })
        .toString()
        .trim();
    const commitOf = async () => (await buildFunctions({ root, outDir: join(root, "out"), parts: [] })).info.gitCommit;
    git("init", "--quiet");
    expect(await commitOf()).toBeUndefined();
    git("add", ".");
    git("commit", "--quiet", "--no-gpg-sign", "--message", "first");
    const commit = git("rev-parse", "HEAD");
    expect(await commitOf()).toBe(commit);
    await writeFile(join(root, "new.ts"), "");
    expect(await commitOf()).toBe(`${commit}-dirty`);
  });
});

describe("a build that fails leaves the one before as it was", () => {
  test.each([
    ["a function that is not there", { "functions/health.ts": undefined }, "build.failed", "functions/health.ts"],
    ["an import that is not there", { "functions/lazy.ts": undefined }, "build.failed", "functions/runner.ts:4"],
    ["a package that is not there", { "functions/lazy.ts": 'import "nowhere";' }, "build.failed", 'resolve "nowhere"'],
    [
      "a seed that is no TypeScript",
      { "migrations/seeds/demo/start.ts": "export const" },
      "build.failed",
      "start.ts:1",
    ],
    [
      "a migration that is not there",
      { "migrations/0000_first.sql": undefined },
      "migrations.missing-file",
      "0000_first",
    ],
    [
      "a schema file that cannot be loaded",
      { "migrations/schema.ts": 'throw new Error("no");' },
      "push.invalid-schema",
      "no",
    ],
    [
      "declared renames that are none",
      { "migrations/schema.ts": "export {};", "migrations/renames.json": '[{ "to": "x" }]' },
      "push.invalid-renames",
      "renames.json",
    ],
    ["a package.json without a version", { "package.json": "{}" }, "config.invalid", "version"],
  ] as const)("for %s", async (_case, changes, code, says) => {
    const [good, bad] = [await makeRoot(), await makeRoot(changes)];
    const outDir = join(good, "out");
    await buildFunctions({ root: good, outDir });
    const before = await list(outDir);
    const error: unknown = await buildFunctions({ root: bad, outDir }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code, message: expect.stringContaining(says) });
    expect(await list(outDir)).toEqual(before);
    expect(await readdir(good)).not.toContainEqual(expect.stringMatching(/^\.out/u));
  });

  test("for a region without CAs", async () => {
    const root = await makeRoot();
    const outDir = join(root, "out");
    await buildFunctions({ root, outDir, region: "eu-central-1" });
    const before = await list(outDir);
    const build = buildFunctions({ root, outDir, region: "il-central-1" });
    await expect(build).rejects.toMatchObject({ code: "build.unknown-region" });
    expect(await list(outDir)).toEqual(before);
  });
});

test.each([{ changes: {} }, { changes: { "functions/lazy.ts": "export const" } }])(
  "a build that was called off is no failed one, and leaves nothing",
  async ({ changes }) => {
    const root = await makeRoot(changes);
    const before = await readdir(root);
    const build = buildFunctions({ root, outDir: join(root, "out"), signal: AbortSignal.abort() });
    await expect(build).rejects.toMatchObject({ name: "AbortError" });
    expect(await readdir(root)).toEqual(before);
  },
);

test("the main path is what is loaded before the first event, and no more", async () => {
  const root = await makeRoot();
  const { parts } = await buildFunctions({ root, outDir: join(root, "out"), parts: ["runner"] });
  const mainPath = findMainPath(parts.runner.metafile);
  expect(mainPath.inputs).toEqual(expect.arrayContaining(["functions/runner.ts", "functions/shared.ts"]));
  expect(mainPath.inputs).not.toContain("functions/lazy.ts");
  expect(mainPath.files).toContain("index.mjs");
  const size = await gzippedSize(parts.runner.dir, mainPath);
  expect(size).toBeGreaterThan(100);
  expect(size).toBeLessThan(1000);
});
