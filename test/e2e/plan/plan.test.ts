import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureLedger } from "#lib/migrate/ledger/ledger.ts";
import { migrate } from "#lib/migrate/migrate.ts";
import { planMigrations } from "#lib/migrate/plan/plan.ts";
import { readMigrations } from "#lib/migrate/folder/source.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import { makeMigrationFolder, type TestFolder } from "../../support/migration-folder.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { openRun } from "../../support/run-connections.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let folder: TestFolder;
let connection: Connection;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  folder = stack.use(await makeMigrationFolder());
  connection = stack.use(await connect(database.address, { applicationName: "test" }));
});
afterEach(async () => stack.disposeAsync());

describe("a plan", () => {
  it("of the example has nothing hazardous on an empty database, and changes nothing there", async () => {
    const example = await readMigrations(join(import.meta.dirname, "../../../migrations"));
    const plan = await planMigrations(connection.client, example);
    expect(plan.pending.map(({ tag }) => tag)).toEqual(example.migrations.map(({ tag }) => tag));
    expect(plan.pending.flatMap(({ hazards }) => hazards).filter(({ code }) => code !== "opaque")).toEqual([]);
    expect(plan.findings).toEqual([]);
    const { rows } = await connection.client.query("select nspname from pg_namespace where nspname !~ '^pg_'");
    expect(rows.map(({ nspname }: { nspname: string }) => nspname).toSorted()).toEqual([
      "information_schema",
      "public",
    ]);
  });

  it("knows the tables that are there, and what is pending after what was applied", async () => {
    const first = ["create table t as select g as id, repeat('x', 600) as pad from generate_series(1, 30000) g"];
    const run = { runId: "plan-run-1", requestedBy: "test" };
    await using connections = await openRun(database.address, run.runId);
    await migrate(connections, { ...run, folder: await folder.write(first) });
    await connection.client.query("analyze t");
    const both = await folder.write([...first, "alter table t alter id set not null;\ndrop table t;"]);
    const plan = await planMigrations(connection.client, both);
    expect(plan).toMatchObject({
      destructive: true,
      findings: [],
      pending: [{ tag: "0001_step", transactional: true }],
    });
    expect(plan.pending[0]?.hazards).toMatchObject([
      { code: "not-null.scan", severity: "warning", table: "public.t", line: 1 },
      { code: "drop.table", severity: "danger", table: "public.t", line: 2, destructive: true },
    ]);
  });

  it("reports a history that contradicts the folder, and another plan hash for it", async () => {
    const before = await folder.write(["create table a ()"]);
    const plan = await planMigrations(connection.client, before);
    await ensureLedger(connection.client, "journal");
    await connection.client.query("insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', 1)");
    const after = await planMigrations(connection.client, before);
    expect(after.findings).toMatchObject([{ code: "history.missing-file" }]);
    expect(after.planHash).not.toBe(plan.planHash);
  });

  it("of a half-applied migration weighs only what is left of it", async () => {
    await connection.client.query("create table old (); create table t (n int); insert into t values (1), (1)");
    const failing = "drop table old;\ncreate unique index concurrently i on t (n);\nvacuum t;";
    const run = { runId: "plan-run-2", requestedBy: "test" };
    await using connections = await openRun(database.address, run.runId);
    const failed = await migrate(connections, { ...run, folder: await folder.write([failing]) });
    expect(failed).toMatchObject({ status: "failed" });

    const half = await planMigrations(connection.client, await folder.write([failing]));
    expect(half).toMatchObject({ destructive: false, findings: [] });
    expect(half.pending[0]?.steps.map(({ done }) => done)).toEqual([true, undefined, undefined]);
    expect(half.pending[0]?.hazards.map(({ code }) => code)).toEqual(["index.invalid"]);

    const mended = await folder.write(["drop table old;\ncreate index i on t (n);"]);
    expect((await planMigrations(connection.client, mended)).pending).toMatchObject([{ transactional: false }]);
    const again = { ...run, runId: "plan-run-3" };
    await using others = await openRun(database.address, again.runId);
    expect(await migrate(others, { ...again, folder: mended, isProtected: true })).toMatchObject({ status: "applied" });
  });

  it("of a half-applied migration whose done part was edited says so, as migrate will", async () => {
    await connection.client.query("create table t (n int); insert into t values (1), (1)");
    const index = "create unique index concurrently i on t (n)";
    const run = { runId: "plan-run-4", requestedBy: "test" };
    await using connections = await openRun(database.address, run.runId);
    await migrate(connections, { ...run, folder: await folder.write([`create table a (); ${index}`]) });

    const edited = await folder.write([`create table b (); ${index}`]);
    const plan = await planMigrations(connection.client, edited);
    expect(plan.findings).toMatchObject([{ code: "migrate.step-changed", tag: "0000_step" }]);
    expect(plan.pending[0]?.steps.some(({ done }) => done)).toBe(false);
    const again = { ...run, runId: "plan-run-5" };
    await using others = await openRun(database.address, again.runId);
    expect(await migrate(others, { ...again, folder: edited })).toMatchObject({
      status: "failed",
      error: { code: "migrate.step-changed", message: expect.stringContaining(plan.findings[0]?.message ?? "?") },
    });
  });

  it("of SQL that PostgreSQL cannot read is an error that shows the place", async () => {
    const broken = await folder.write(["create table a ()", "alter tabel a add b int"]);
    await expect(planMigrations(connection.client, broken)).rejects.toMatchObject({
      code: "migrations.invalid-sql",
      message: expect.stringContaining("0001_step.sql:1:7"),
    });
  });

  it("of a history of 5,000 applied migrations takes less than a second", async () => {
    await ensureLedger(connection.client, "journal");
    const long = await folder.write(Array.from({ length: 5000 }, (_, index) => `select ${index}`));
    await connection.client.query(
      `insert into drizzle.__drizzle_migrations (hash, created_at)
       select * from unnest($1::text[], $2::bigint[])`,
      [
        long.migrations.slice(0, -1).map(({ checksum }) => checksum),
        long.migrations.slice(0, -1).map(({ when }) => when),
      ],
    );
    const startMs = performance.now();
    const plan = await planMigrations(connection.client, long);
    expect(performance.now() - startMs).toBeLessThan(1000);
    expect(plan.pending).toHaveLength(1);
  });
});
