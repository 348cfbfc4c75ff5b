import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { MigrationFolder } from "#lib/migrate/folder/source.ts";
import { insertAppliedSql } from "#lib/migrate/history/drizzle-table.ts";
import { readHistory } from "#lib/migrate/history/read-history.ts";
import { ensureLedger } from "#lib/migrate/ledger/ledger.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import { countQueries } from "../../support/counted-client.ts";
import { createTestDatabase } from "../../support/postgres.ts";

let stack: AsyncDisposableStack;
let connection: Connection;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase());
  connection = stack.use(await connect(database.address, { applicationName: "test" }));
});
afterEach(async () => stack.disposeAsync());

const when = 1_700_000_000_000;
const migrations = ["one", "two"].map((tag, index) => ({
  tag,
  index,
  when: when + index * 1000,
  name: `2023111422132${index}_${tag}`,
  checksum: tag,
  file: `${tag}.sql`,
  text: "select 1",
  statements: [],
}));
const [one] = migrations;

function folderOf(format: MigrationFolder["format"]): MigrationFolder {
  return { dir: "", format, migrations, unlisted: [], hash: "" };
}

const step = `insert into postern.runs (run_id, action, requested_by) values ('run', 'migrate', 'test');
  insert into postern.migration_steps (tag, step, checksum, state, run_id) values ('two', 1, 'sum', 'done', 'run')`;

describe("the history", () => {
  it.each(["journal", "folders"] as const)(
    "of a %s is compared in one round trip, half-applied migrations included",
    async (format) => {
      await ensureLedger(connection.client, format);
      const hasName = format === "folders";
      await connection.client.query(`${insertAppliedSql(one!, { hasName })}; ${step}`);
      const { queries, client } = countQueries(connection.client);
      const { history, applied, layout, begun } = await readHistory(client, folderOf(format));
      expect(queries).toHaveLength(1);
      expect(history.pending.map(({ tag }) => tag)).toEqual(["two"]);
      expect(history.findings).toEqual([]);
      expect(applied).toMatchObject([{ checksum: "one", when, name: hasName ? one!.name : undefined }]);
      expect(layout).toEqual({ hasName });
      expect([...begun]).toMatchObject([["two", [{ step: 1, state: "done", checksum: "sum" }]]]);
    },
  );

  it("tells the layout of a table without rows", async () => {
    await ensureLedger(connection.client, "folders");
    expect((await readHistory(connection.client, folderOf("folders"))).layout).toEqual({ hasName: true });
  });

  it("of an empty database has everything pending", async () => {
    const { history, layout } = await readHistory(connection.client, folderOf("journal"));
    expect(history).toMatchObject({ pending: migrations, applied: [], findings: [] });
    expect(layout).toEqual({ hasName: false });
  });

  it("of a database that only drizzle knows is what its table says", async () => {
    await ensureLedger(connection.client, "journal");
    await connection.client.query(`${insertAppliedSql(one!, { hasName: false })}; drop schema postern cascade`);
    const { history, begun } = await readHistory(connection.client, folderOf("journal"));
    expect(history.pending.map(({ tag }) => tag)).toEqual(["two"]);
    expect(begun.size).toBe(0);
  });

  it("has the half-applied migration also where drizzle's table is gone", async () => {
    await ensureLedger(connection.client, "journal");
    await connection.client.query(`${step}; drop table drizzle.__drizzle_migrations`);
    const { history, begun } = await readHistory(connection.client, folderOf("journal"));
    expect(history.pending).toHaveLength(2);
    expect([...begun.keys()]).toEqual(["two"]);
  });

  it("that this role may not read fails, and is not taken for an empty one", async () => {
    await ensureLedger(connection.client, "journal");
    const role = `reader_${Date.now()}`;
    await connection.client.query(`create role ${role}; grant usage on schema drizzle, postern to ${role}`);
    stack.defer(
      async () => void (await connection.client.query(`reset role; drop owned by ${role}; drop role ${role}`)),
    );
    await connection.client.query(`set role ${role}`);
    await expect(readHistory(connection.client, folderOf("journal"))).rejects.toMatchObject({ code: "db.permission" });
  });
});
