import { join } from "node:path";
import process from "node:process";
import { expect, it } from "vitest";
import { handleInspectEvent, type MigrationsEvent } from "#lib/migrate/inspect.ts";
import {
  beginRun,
  endLostRuns,
  endRun,
  ensureLedger,
  type Queryable,
  requestCancel,
  runApplicationName,
} from "#lib/migrate/ledger/ledger.ts";
import { cancelRun } from "#lib/migrate/ledger/progress.ts";
import { connect } from "#lib/postgres/connect.ts";
import { createPool } from "#lib/postgres/pool.ts";
import { createTestDatabase, startTestServer } from "../support/postgres.ts";

const migrationsDir = join(import.meta.dirname, "../../migrations");

it("tells what is pending on a database that was never migrated", async () => {
  await using database = await createTestDatabase();
  await using pool = createPool(async () => database.address, { applicationName: "test" });
  const status = await handleInspectEvent({ action: "status" }, { pool, migrationsDir });
  expect(status).toMatchObject({ applied: [], findings: [] });
  expect(await handleInspectEvent({ action: "progress", runId: "never-begun" }, { pool, migrationsDir })).toEqual({
    runId: "never-begun",
    state: "unknown",
  });
});

it.each<MigrationsEvent>([{ action: "status" }, { action: "cancel", runId: "any", requestedBy: "test" }])(
  "names a server that has stopped answering $action, before whoever polls gives up",
  async (event) => {
    await using server = await startTestServer();
    await using database = await createTestDatabase(server);
    await using pool = createPool(async () => database.address, { applicationName: "test" });
    const { rows } = await pool.query<{ pid: number }>("select pg_backend_pid() as pid", []);
    const pid = rows[0]?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    try {
      const answer = handleInspectEvent(event, { pool, migrationsDir });
      await expect(answer).rejects.toMatchObject({ code: "endpoint.silent" });
    } finally {
      process.kill(pid, "SIGCONT");
    }
  },
);

it("records a run that was queued and has not begun as cancelled, so that it never begins", async () => {
  await using database = await createTestDatabase();
  await using pool = createPool(async () => database.address, { applicationName: "test" });
  const cancel = { action: "cancel", runId: "queued-1", requestedBy: "me" } as const;
  const ask = async (event: MigrationsEvent) => handleInspectEvent(event, { pool, migrationsDir });
  // There is no ledger yet.
  expect(await ask({ ...cancel, unbegun: "migrate" })).toEqual({ runId: "queued-1", state: "unknown" });
  await using run = await connect(database.address, { applicationName: runApplicationName("queued-1") });
  await ensureLedger(run.client);
  expect(await ask(cancel)).toEqual({ runId: "queued-1", state: "unknown" });
  const cancelled = { runId: "queued-1", state: "ended", action: "migrate", error: { code: "run.cancelled" } };
  expect(await ask({ ...cancel, unbegun: "migrate" })).toMatchObject(cancelled);
  const begun = await beginRun(run.client, { runId: "queued-1", action: "migrate", requestedBy: "test" });
  expect(begun).toMatchObject({ outcome: "failed", error: { code: "run.cancelled" } });
});

it("cancels a run that has begun since it was queued", async () => {
  await using database = await createTestDatabase();
  await using run = await connect(database.address, { applicationName: runApplicationName("queued-2") });
  await using other = await connect(database.address, { applicationName: "test" });
  await ensureLedger(run.client);
  await beginRun(run.client, { runId: "queued-2", action: "migrate", requestedBy: "test" });
  const unbegun = { runId: "queued-2", requestedBy: "me", unbegun: "migrate" };
  expect(await cancelRun(other.client, unbegun)).toMatchObject({ state: "running" });
  const { rows } = await other.client.query("select cancelled_by from postern.runs where run_id = 'queued-2'");
  expect(rows).toEqual([{ cancelled_by: "me" }]);
});

it("says of a run that ends while it is cancelled that it has ended", async () => {
  await using database = await createTestDatabase();
  await using run = await connect(database.address, { applicationName: runApplicationName("brief") });
  await using other = await connect(database.address, { applicationName: "test" });
  await ensureLedger(run.client);
  await beginRun(run.client, { runId: "brief", action: "migrate", requestedBy: "test" });
  expect(await requestCancel(other.client, "brief", "test")).toBe(true);
  const query = async (text: string, values?: unknown[]) => {
    if (text.startsWith("update"))
      await endRun(run.client, "brief", { outcome: "applied", result: { status: "applied" } });
    return await other.client.query(text, values);
  };
  const canceller = { query } as Queryable;
  expect(await cancelRun(canceller, { runId: "brief", requestedBy: "test" })).toMatchObject({ state: "ended" });
  expect(await requestCancel(other.client, "brief", "test")).toBe(false);
});

it("lets a run that was taken for lost say how it ended", async () => {
  await using database = await createTestDatabase();
  await using connection = await connect(database.address, { applicationName: "test" });
  await using pool = createPool(async () => database.address, { applicationName: "test" });
  await ensureLedger(connection.client);
  const identity = { action: "migrate", requestedBy: "test" };
  await beginRun(connection.client, { ...identity, runId: "cut-off-run" });
  // Nobody is connected under its name: so the next run finds it.
  await endLostRuns(connection.client, "the-next-run");
  const look = async () => handleInspectEvent({ action: "progress", runId: "cut-off-run" }, { pool, migrationsDir });
  expect(await look()).toMatchObject({ state: "lost" });

  await endRun(connection.client, "cut-off-run", { outcome: "applied", result: { status: "applied" } });
  expect(await look()).toMatchObject({ state: "ended", result: { status: "applied" } });
  await endRun(connection.client, "cut-off-run", { outcome: "failed" });
  expect(await look(), "an end that was told stays").toMatchObject({ result: { status: "applied" } });
});
