import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { roleNames } from "#lib/contract.ts";
import { ledgerVersions } from "#lib/migrate/ledger/ledger-versions.ts";
import { type MigrateOptions, migrate } from "#lib/migrate/migrate.ts";
import { cancelRun } from "#lib/migrate/ledger/progress.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { closeGate, openGate, passGate, waitAtGate } from "../../support/migrate-bench.ts";
import { makeMigrationFolder } from "../../support/migration-folder.ts";
import { rolePasswords, useRolesBench } from "../../support/roles.ts";
import { openRun } from "../../support/run-connections.ts";
import { waitFor } from "../../support/wait-for.ts";

describe.each([18, 16] as const)("a run as postern_migrator on PostgreSQL %i", (version) => {
  const bench = useRolesBench(version);
  let address: DatabaseAddress;

  beforeEach(async () => {
    await bench.setup();
    address = { ...bench.database.address, user: roleNames.migrator, password: rolePasswords.migrator };
  });

  async function run(texts: readonly string[], options: Partial<MigrateOptions> = {}) {
    await using dir = await makeMigrationFolder();
    const folder = await dir.write(texts);
    const { runId = randomUUID() } = options;
    await using connections = await openRun(address, runId);
    return await migrate(connections, { requestedBy: "test", ...options, folder, runId });
  }

  /** Somebody else, as superuser. */
  async function onlooker() {
    const { client } = await bench.open(bench.database.address);
    const rows = async (sql: string, values: readonly unknown[] = []) =>
      (await client.query<Record<string, unknown>>(sql, [...values])).rows;
    return { client, rows };
  }

  it("applies in one transaction and step by step", async () => {
    const texts = ["create table a (id int)", "create index concurrently a_idx on a (id); vacuum a"];
    expect(await run(texts)).toMatchObject({ status: "applied", applied: ["0000_step", "0001_step"] });
  });

  it("upgrades the ledger that the release before had made", async () => {
    const client = await bench.openAs("migrator");
    await client.query("create table postern.ledger_version (version integer not null)");
    for (const statements of ledgerVersions.slice(0, 2)) await client.query(statements);
    await client.query("insert into postern.ledger_version values (2)");
    expect(await run(["create table a ()"])).toMatchObject({ status: "applied" });
    const { rows } = await client.query("select version from postern.ledger_version");
    expect(rows).toEqual([{ version: ledgerVersions.length }]);
  });

  it("makes the ledger once, though its role reads repeatably and two begin at once", async () => {
    await bench.asSuperuser(`alter role ${roleNames.migrator} set default_transaction_isolation = 'repeatable read'`);
    const results = await Promise.all([run(["create table a ()"]), run(["create table a ()"])]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(["applied", "up-to-date"]);
  });

  it.each([true, false])("is cancelled, and names who blocks it (sees queries: %s)", async (maySeeQueries) => {
    const { client } = await onlooker();
    await run(["create table a ()"]);
    // Setup does this where the master may, as on RDS; here only a superuser can.
    if (maySeeQueries) await client.query(`grant pg_read_all_stats to ${roleNames.migrator}`);
    await client.query("begin; select 'a value' as the_one_that_blocks from a");
    const blocked = await run(["create table a ()", "alter table a add b int"], {
      lockTimeoutMs: 300,
      lockAttempts: 1,
    });
    expect(blocked).toMatchObject({ status: "failed", error: { code: "migrate.blocked" } });
    expect(blocked.error?.message).toContain('("roles test")');
    expect(blocked.error?.message.includes("the_one_that_blocks")).toBe(maySeeQueries);
    expect(blocked.error?.message).not.toContain("privilege");
    const runId = randomUUID();
    const outcome = run(["create table a ()", "alter table a add b int"], { lockTimeoutMs: 30_000, runId });
    const { rows } = await onlooker();
    await waitFor("it waits", async () => (await rows("select from pg_locks where not granted")).length > 0);
    await cancelRun(await bench.openAs("migrator"), { runId, requestedBy: "somebody" });
    expect(await outcome).toMatchObject({ status: "partial", error: { code: "run.cancelled" } });
  });

  it("is ended by another of the same role that steals its lock", async () => {
    const other = await onlooker();
    await closeGate(other, 1);
    const texts = ["create table a ()", passGate(1)];
    const robbed = run(texts, { lockTimeoutMs: 30_000 });
    await waitAtGate(other, 1);
    const thief = run(texts, { stealLock: true, lockTimeoutMs: 30_000 });
    expect(await robbed).toMatchObject({ status: "failed", applied: ["0000_step"] });
    await openGate(other, 1);
    expect(await thief).toMatchObject({ status: "applied", applied: ["0001_step"] });
  });
});
