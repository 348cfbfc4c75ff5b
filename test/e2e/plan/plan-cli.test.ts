import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { migrate } from "#lib/migrate/migrate.ts";
import { runCommand, startCommand } from "../../support/command-line.ts";
import { makeMigrationFolder, type TestFolder } from "../../support/migration-folder.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { openRun } from "../../support/run-connections.ts";
import { waitFor } from "../../support/wait-for.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let folder: TestFolder;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  folder = stack.use(await makeMigrationFolder());
});
afterEach(async () => stack.disposeAsync());

const plan = async (...args: string[]) =>
  runCommand(["plan", "--dir", folder.dir, ...args], { env: { POSTERN_URL: database.url() } });

test("plan prints the pending migrations with their hazards, and exits 0", async () => {
  await folder.write(["create table t (id int)", "drop table if exists other cascade"]);
  const { exitCode, json } = await plan("--json");
  expect(exitCode).toBe(0);
  expect(json()).toEqual({
    pending: [
      {
        tag: "0000_step",
        transactional: true,
        statements: 1,
        hazards: [],
        steps: [{ line: 1, sql: "create table t (id int)", locks: [] }],
      },
      {
        tag: "0001_step",
        transactional: true,
        statements: 1,
        hazards: [
          {
            code: "drop.table",
            severity: "danger",
            table: "public.other",
            message: expect.stringContaining("CASCADE"),
            line: 1,
            destructive: true,
          },
        ],
        steps: [{ line: 1, sql: "drop table if exists other cascade", locks: [expect.any(Object)] }],
      },
    ],
    findings: [],
    destructive: true,
    planHash: expect.stringMatching(/^[0-9a-f]{64}$/u),
  });
  const plain = await plan();
  expect(plain.stdout).toContain("2 pending, 1 danger, destructive");
});

test("plan exits 1 when the history contradicts the folder", async () => {
  const before = await folder.write(["create table t (id int)"]);
  await using connections = await openRun(database.address, "plan-cli-1");
  await migrate(connections, { folder: before, runId: "plan-cli-1", requestedBy: "test" });
  await folder.write(["create table t (id bigint)"]);
  const { exitCode, json } = await plan("--json");
  expect(exitCode).toBe(1);
  expect(json()).toMatchObject({ pending: [], findings: [{ code: "history.edited", tag: "0000_step" }] });
});

test("plan shows broken SQL with a caret, and nothing connects to the tables", async () => {
  await folder.write(["create table t (id int", "select 1"]);
  const { exitCode, stderr } = await plan();
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(
    /syntax error at end of input \[migrations\.invalid-sql\]\n +LINE 1: create table t \(id int\n +\^\n/u,
  );
});

test("plan --rehearse runs and rolls back; its exit code is 0 when nothing failed, 1 when something did", async () => {
  await folder.write(["create table t (id int)", "create index concurrently t_id on t (id)"]);
  const partial = await plan("--rehearse", "--json");
  expect(partial.exitCode).toBe(0);
  expect(partial.json()).toMatchObject({
    status: "partial",
    migrations: [{ outcome: "passed" }, { outcome: "skipped" }],
  });

  await folder.write(["create table t (id int)", "drop table nowhere"]);
  const failed = await plan("--rehearse");
  expect(failed.exitCode).toBe(1);
  expect(failed.stdout).toContain("failed: 1 of 2 rehearsed and rolled back");
  expect(failed.stderr).toContain("[rehearsal.failed, SQLSTATE 42P01]");
  const status = await runCommand(["status", "--dir", folder.dir, "--json"], { env: { POSTERN_URL: database.url() } });
  expect(status.json()).toMatchObject({ applied: [], pending: ["0000_step", "0001_step"] });
});

test("migrate --protected wants --approve with the hash that plan printed, and exits 1 without it", async () => {
  await folder.write(["create table t (id int)", "drop schema if exists attic cascade"]);
  const env = { POSTERN_URL: database.url(), POSTERN_DIR: folder.dir };
  const refused = await runCommand(["migrate", "--protected"], { env });
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toMatch(/\[plan\.unapproved\]\nhint {2}Read it with `postern plan`/u);
  const { planHash } = (await plan("--json")).json() as { planHash: string };
  const other = await runCommand(["migrate", "--approve", "0".repeat(64), "--json"], { env });
  expect(other.exitCode).toBe(1);
  expect(other.json()).toMatchObject({ status: "refused", applied: [], error: { code: "plan.mismatch" } });
  const applied = await runCommand(["migrate", "--protected", "--approve", planHash, "--json"], { env });
  expect(applied.exitCode).toBe(0);
  expect(applied.json()).toMatchObject({ status: "applied", applied: ["0000_step", "0001_step"] });
});

test.each(["plan", "status"])("one signal ends %s, also while the server makes it wait", async (verb) => {
  const before = await folder.write(["create table t (id int)"]);
  await using connections = await openRun(database.address, "signalled");
  await migrate(connections, { folder: before, runId: "signalled", requestedBy: "test" });
  const { client } = connections;
  await client.query('begin; lock table drizzle."__drizzle_migrations" in access exclusive mode');
  const child = startCommand([verb, "--dir", folder.dir], { env: { POSTERN_URL: database.url() } });
  const exit = once(child, "close");
  await waitFor(`${verb} to wait for the lock`, async () => {
    const { rowCount } = await client.query("select from pg_locks where not granted");
    return rowCount === 1;
  });
  child.kill("SIGINT");
  expect(await Promise.race([exit, setTimeout(5000, "still there")])).toEqual([130, null]);
});
