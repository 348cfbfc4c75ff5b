import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connect } from "#lib/postgres/connect.ts";
import { runCommand } from "../../support/command-line.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { makeSchemaFolder, type SchemaFolder } from "../../support/schema-folder.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let folder: SchemaFolder;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  folder = stack.use(await makeSchemaFolder());
});
afterEach(async () => await stack.disposeAsync());

const run = async (...args: readonly string[]) =>
  await runCommand(["push", "--dir", folder.dir, ...args], { env: { POSTERN_URL: database.url() } });

const table = (columns: string) => `export const t = pg.pgTable("t", { id: pg.integer("id").primaryKey()${columns} });`;

test("push prints one document and nothing else on stdout, and its exit code says how it ended", async () => {
  await folder.write(table(', a: pg.text("a")'));
  const pushed = await run("--json");
  expect(pushed.exitCode).toBe(0);
  expect(pushed.json()).toMatchObject({
    status: "pushed",
    statements: [{ sql: expect.stringContaining("CREATE TABLE"), hazards: [], executed: true }],
    runId: expect.any(String),
    ms: expect.any(Number),
  });
  expect(pushed.stderr).toMatch(/^target: .*\n$/u);

  await folder.write(table(""));
  const refused = await run("--json");
  expect(refused.exitCode).toBe(1);
  expect(refused.json()).toMatchObject({ status: "refused", error: { code: "push.data-loss" } });
  const planned = await run("--dry-run");
  expect(planned.exitCode).toBe(0);
  expect(planned.stdout).toMatch(/DROP COLUMN "a"\n.*values are gone.*\nplanned: 1 statement, 0 executed/u);
  expect((await run("--accept-data-loss")).exitCode).toBe(0);

  await using connection = await connect(database.address, { applicationName: "push test" });
  await connection.client.query("insert into t values (1)");
  await folder.write(
    `${table("")} export const u = pg.pgTable("u", { id: pg.integer("id").references(() => t.id), x: pg.text("x").default(sql\`nowhere()\`) });`,
  );
  const failed = await run("--json");
  expect(failed.exitCode).toBe(2);
  expect(failed.json()).toMatchObject({ status: "failed", error: { code: "push.failed", sqlState: "42883" } });
});

test("push reads renames from where it is told, and says so when they are not there", async () => {
  await folder.write(table(', a: pg.text("a")'));
  expect((await run()).exitCode).toBe(0);
  await folder.write(table(', b: pg.text("b")'));
  const elsewhere = join(folder.dir, "elsewhere.json");
  const missing = await run("--renames", elsewhere, "--json");
  expect(missing.exitCode).toBe(2);
  expect(missing.json()).toMatchObject({ error: { code: "push.invalid-renames" } });
  await writeFile(elsewhere, '[{ "column": "public.t.a", "to": "b" }]');
  expect((await run("--renames", elsewhere, "--json")).json()).toMatchObject({
    status: "pushed",
    statements: [{ sql: 'alter table "public"."t" rename column "a" to "b"', executed: true }],
  });
});

test.each([
  [["--protected"], 1, "push.protected"],
  [["--schema", "/nowhere/schema.ts"], 2, "push.invalid-schema"],
])("push %j is refused", async (args, exitCode, code) => {
  await folder.write(table(""));
  const result = await run(...args, "--json");
  expect(result.exitCode).toBe(exitCode);
  expect(result.json()).toMatchObject({ error: { code } });
});
