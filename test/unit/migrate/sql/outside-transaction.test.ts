import { expect, it } from "vitest";
import { findOutsideTransaction } from "#lib/migrate/sql/outside-transaction.ts";
import { parseMigration } from "#lib/migrate/sql/parse-migration.ts";
import { makeMigration } from "../../../support/migrations.ts";

it("names each statement that needs to run outside a transaction, and why", async () => {
  const sql = `
    create table t (id int);
    create index concurrently t_id on t (id);
    alter type mood add value 'new';
    reindex (concurrently) table t;
    insert into moods values ('new');`;
  const { statements } = await parseMigration(makeMigration(sql));
  expect([...findOutsideTransaction(statements)]).toEqual([
    [1, "CREATE INDEX CONCURRENTLY"],
    [2, "ALTER TYPE … ADD VALUE 'new', which a later statement uses"],
    [3, "REINDEX CONCURRENTLY"],
  ]);
});

it("takes a column of the same name for no use of an enum's new value", async () => {
  const sql = "alter type mood add value 'active'; alter table t add column active boolean";
  const { statements } = await parseMigration(makeMigration(sql));
  expect(findOutsideTransaction(statements).size).toBe(0);
});
