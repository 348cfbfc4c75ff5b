import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  createDrizzleTableSql,
  insertAppliedSql,
  readAppliedRows,
  readDrizzleLayout,
} from "#lib/migrate/history/drizzle-table.ts";
import { ensureLedger } from "#lib/migrate/ledger/ledger.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import { countQueries } from "../../support/counted-client.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let connection: Connection;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  connection = stack.use(await connect(database.address, { applicationName: "test" }));
});
afterEach(async () => stack.disposeAsync());

const migration = {
  checksum: "sum",
  when: 1_700_000_000_123,
  name: '20231114221320_it\'s \\ "here"; drop table t; --',
};

describe("drizzle's table", () => {
  it("that does not exist has no rows, and asking takes one query", async () => {
    const { queries, client } = countQueries(connection.client);
    expect(await readAppliedRows(client)).toEqual([]);
    expect(queries).toHaveLength(1);
  });

  it.each([
    ["journal", undefined],
    ["folders", migration.name],
  ] as const)(
    "of a %s takes a row and gives it back, in two queries and with no more than SELECT",
    async (format, name) => {
      await ensureLedger(connection.client, format);
      await connection.client.query(insertAppliedSql(migration, await readDrizzleLayout(connection.client)));
      await connection.client.query("begin read only");
      const { queries, client } = countQueries(connection.client);
      expect(await readAppliedRows(client)).toMatchObject([{ checksum: "sum", when: migration.when, name }]);
      expect(queries).toHaveLength(2);
      await connection.client.query("rollback");
    },
  );

  it("gives the ledger's time before its own", async () => {
    await ensureLedger(connection.client, "folders");
    await connection.client.query(insertAppliedSql(migration, { hasName: true }));
    await connection.client.query(
      `insert into postern.runs (run_id, action, requested_by) values ('run', 'migrate', 'test');
       insert into postern.run_migrations (run_id, tag, checksum, started_at, ended_at, outcome)
       values ('run', 'tag', 'sum', now(), '2026-01-02 03:04:05Z', 'applied')`,
    );
    expect(await readAppliedRows(connection.client)).toMatchObject([{ appliedAt: new Date("2026-01-02T03:04:05Z") }]);
  });

  it("is not made by who knows no folder, and is made in the folder's layout behind that", async () => {
    await ensureLedger(connection.client);
    expect(await readDrizzleLayout(connection.client)).toMatchObject({ exists: false, hasLedger: true });
    await ensureLedger(connection.client, "folders");
    expect(await readDrizzleLayout(connection.client)).toMatchObject({ exists: true, hasName: true, hasLedger: true });
  });

  it("of either format stays as it is when the other is asked for", async () => {
    await ensureLedger(connection.client, "folders");
    await connection.client.query(createDrizzleTableSql("journal"));
    expect(await readDrizzleLayout(connection.client)).toMatchObject({ hasName: true, hasAppliedAt: true });
  });

  it("may hold a row without a time, and one with a time that no date has", async () => {
    await ensureLedger(connection.client, "journal");
    await connection.client.query(
      "insert into drizzle.__drizzle_migrations (hash, created_at) values ('a', null), ('b', 9223372036854775807)",
    );
    expect(await readAppliedRows(connection.client)).toMatchObject([{ when: 0 }, { when: expect.any(Number) }]);
  });
});
