import { join } from "node:path";
import process from "node:process";
import { expect, it } from "vitest";
import { handleInspectEvent } from "#lib/migrate/inspect.ts";
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

it("names a server that has stopped answering, before whoever polls gives up", async () => {
  await using server = await startTestServer();
  await using database = await createTestDatabase(server);
  await using pool = createPool(async () => database.address, { applicationName: "test" });
  const { rows } = await pool.query<{ pid: number }>("select pg_backend_pid() as pid", []);
  const pid = rows[0]?.pid ?? 0;
  process.kill(pid, "SIGSTOP");
  try {
    const answer = handleInspectEvent({ action: "status" }, { pool, migrationsDir });
    await expect(answer).rejects.toMatchObject({ code: "endpoint.silent" });
  } finally {
    process.kill(pid, "SIGCONT");
  }
});
