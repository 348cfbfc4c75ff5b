import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BundleInfo } from "#lib/contract.ts";
import type { RunnerEvent } from "#lib/protocol.ts";
import { planMigrations } from "#lib/migrate/plan/plan.ts";
import { readProgress } from "#lib/migrate/ledger/progress.ts";
import { handleRunnerEvent, type RunnerPorts } from "#lib/migrate/runner.ts";
import { readMigrations } from "#lib/migrate/folder/source.ts";
import { connect } from "#lib/postgres/connect.ts";
import { makeMigrationFolder } from "../support/migration-folder.ts";
import { type TestDatabase, createTestDatabase } from "../support/postgres.ts";

const migrationsDir = path.join(import.meta.dirname, "../../migrations");
let database: TestDatabase;
let stack: AsyncDisposableStack;
let bundle: BundleInfo;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  bundle = { version: "1.0.0", migrationsHash: (await readMigrations(migrationsDir)).hash };
});
afterEach(async () => {
  await stack.disposeAsync();
});

const request = { requestedBy: "test" } as const;

/** The runner on a database where one user is master and migrator. */
function ports(replaced: Partial<RunnerPorts> = {}): RunnerPorts {
  return {
    connectAs: async (_role, options) => connect(database.address, options),
    masterAddress: async () => database.address,
    readPasswords: async () => ({}),
    secretVersions: async () => {
      throw new Error("not used");
    },
    migrationsDir,
    seedsDir: path.join(migrationsDir, "seeds"),
    pushDir: path.join(migrationsDir, "push"),
    openBucket: async () => {
      throw new Error("not used");
    },
    bundle,
    stage: "test",
    isProtected: false,
    signal: new AbortController().signal,
    remainingMs: () => Number.POSITIVE_INFINITY,
    ...replaced,
  };
}

/** What somebody learns who queued the event and watches the ledger. */
async function watch(event: RunnerEvent, replaced: Partial<RunnerPorts> = {}) {
  await handleRunnerEvent(event, ports(replaced)).catch(() => undefined);
  await using connection = await connect(database.address, { applicationName: "watch" });
  return await readProgress(connection.client, event.runId);
}

describe("the runner", () => {
  it("records a baseline once per run id, and what a migrate let be", async () => {
    const event = { ...request, action: "baseline", runId: "baseline-1", tag: "0004_shipments" } as const;
    const recorded = await watch(event);
    expect(recorded).toMatchObject({ state: "ended", result: { status: "applied", pending: ["0005_updated-at"] } });
    expect(await watch(event)).toEqual(recorded);
    await watch({ ...request, action: "baseline", runId: "baseline-2", tag: "0004_typo" });
    await watch({ ...request, action: "migrate", runId: "migrate-1", allow: ["history.edited"] });
    await using connection = await connect(database.address, { applicationName: "watch" });
    const { rows } = await connection.client.query(
      "select run_id, action, outcome, overrides, error->>'code' as code from postern.runs order by run_id",
    );
    expect(rows).toEqual([
      { run_id: "baseline-1", action: "baseline", outcome: "applied", overrides: null, code: null },
      { run_id: "baseline-2", action: "baseline", outcome: "failed", overrides: null, code: "baseline.unknown-tag" },
      // The tables that it would change were never made.
      {
        run_id: "migrate-1",
        action: "migrate",
        outcome: "failed",
        overrides: ["history.edited"],
        code: "migrate.failed",
      },
    ]);
  });

  it("migrates and seeds, and each outcome is in the ledger", async () => {
    const migrated = await watch({ ...request, action: "migrate", runId: "migrate-1" });
    expect(migrated).toMatchObject({ state: "ended", result: { status: "applied", runId: "migrate-1" } });
    const seeded = await watch({ ...request, action: "seed", runId: "seed-1", set: "reference" });
    expect(seeded).toMatchObject({ state: "ended", result: { set: "reference" } });
  });

  it("rehearses what is pending, and applies none of it", async () => {
    const rehearsed = await watch({ ...request, action: "rehearse", runId: "rehearse-1" });
    expect(rehearsed).toMatchObject({ state: "ended", result: { status: "passed", runId: "rehearse-1" } });
    const migrated = await watch({ ...request, action: "migrate", runId: "migrate-1" });
    expect(migrated).toMatchObject({
      result: { status: "applied", applied: expect.arrayContaining(["0000_customers"]) },
    });
  });

  it("refuses on a protected stage what only a DO block knows, until its plan is approved", async () => {
    const dir = stack.use(await makeMigrationFolder());
    const folder = await dir.write(["do $$ begin end $$"]);
    const replaced = { migrationsDir: dir.dir, isProtected: true };
    const refused = await watch({ ...request, action: "migrate", runId: "protected-1" }, replaced);
    expect(refused).toMatchObject({ result: { status: "refused", error: { code: "plan.unapproved" } } });
    await using connection = await connect(database.address, { applicationName: "watch" });
    const { planHash: approve } = await planMigrations(connection.client, folder);
    const applied = await watch({ ...request, action: "migrate", runId: "protected-2", approve }, replaced);
    expect(applied).toMatchObject({ result: { status: "applied" } });
  });

  it("lets who queued a run see that it was refused before it changed anything", async () => {
    await watch({ ...request, action: "migrate", runId: "migrate-1" });
    const edited = stack.adopt(await mkdtemp(path.join(tmpdir(), "postern-runner-")), async (dir) =>
      rm(dir, { recursive: true }),
    );
    await cp(path.join(migrationsDir, "meta"), path.join(edited, "meta"), { recursive: true });
    const { migrations } = await readMigrations(migrationsDir);
    await Promise.all(
      migrations.map(async ({ tag }) =>
        cp(path.join(migrationsDir, `0000_customers.sql`), path.join(edited, `${tag}.sql`)),
      ),
    );
    const refused = await watch({ ...request, action: "migrate", runId: "migrate-2" }, { migrationsDir: edited });
    expect(refused).toMatchObject({ state: "ended", result: { status: "refused", error: { code: "history.edited" } } });
  });

  it.each([
    [{ ...request, action: "seed", runId: "early-failure", set: "no-such-set" }, "seed.unknown-set"],
    [{ ...request, action: "migrate", runId: "early-failure", migrationsHash: "0".repeat(64) }, "bundle.stale"],
    [{ ...request, action: "rehearse", runId: "early-failure", migrationsHash: "0".repeat(64) }, "bundle.stale"],
  ] as const)("lets who queued a run see that it failed early (%o)", async (event, code) => {
    expect(await watch(event)).toMatchObject({ state: "ended", error: { code } });
  });

  it("attaches to the run that is on when the same event is delivered twice, and gives its outcome", async () => {
    const event = { ...request, action: "migrate", runId: "twice-1" } as const;
    const results = await Promise.all([handleRunnerEvent(event, ports()), handleRunnerEvent(event, ports())]);
    expect(results[0]).toMatchObject({ status: "applied" });
    expect(results[1]).toEqual(results[0]);
    await using watcher = await connect(database.address, { applicationName: "watch" });
    const { rows } = await watcher.client.query("select count(*)::int from postern.run_migrations");
    expect(rows).toEqual([{ count: 6 }]);
  });
});
