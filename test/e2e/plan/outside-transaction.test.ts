import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseMigration } from "#lib/migrate/sql/parse-migration.ts";
import { isTransactional } from "#lib/migrate/sql/outside-transaction.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import { makeMigration } from "../../support/migrations.ts";
import { createTestDatabase } from "../../support/postgres.ts";

const setup = `
  create table t (id int primary key, v int);
  create materialized view m as select 1 as a;
  create unique index m_a on m (a);
  create table p (id int primary key) partition by range (id);
  create table p1 partition of p for values from (0) to (10);
  create type mood as enum ('ok');
  create table moods (mood mood);`;

let stack: AsyncDisposableStack;
let connection: Connection;
beforeAll(async () => {
  stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase());
  connection = stack.use(await connect(database.address, { applicationName: "test" }));
  await connection.client.query(setup);
});
afterAll(async () => stack.disposeAsync());

const facts = { isPartitioned: (_schema: string | undefined, name: string) => name === "p" || name === "p_pkey" };

/** What the server says to the statements inside one transaction block, which is rolled back. */
async function askServer(statements: readonly string[]): Promise<string | undefined> {
  await connection.client.query("begin");
  try {
    for (const statement of statements) await connection.client.query(statement);
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    await connection.client.query("rollback");
  }
}

const activeTransaction = "25001";
const unsafeEnumValue = "55P04";

describe("what the tree says about transactions is what the server says", () => {
  it.each([
    ["create index concurrently on t (v)", activeTransaction],
    ["create index on t (v)", undefined],
    ["drop index concurrently m_a", activeTransaction],
    ["drop index m_a", undefined],
    ["reindex table concurrently t", activeTransaction],
    ["reindex (concurrently) table t", activeTransaction],
    ["reindex (concurrently off) table t", undefined],
    ["reindex table t", undefined],
    ["reindex index t_pkey", undefined],
    ["reindex table p", activeTransaction],
    ["reindex index p_pkey", activeTransaction],
    ["reindex schema public", activeTransaction],
    ["reindex database", activeTransaction],
    ["reindex system", activeTransaction],
    ["vacuum t", activeTransaction],
    ["vacuum", activeTransaction],
    ["vacuum (analyze) t", activeTransaction],
    ["analyze t", undefined],
    ["cluster", activeTransaction],
    ["cluster t using t_pkey", undefined],
    ["cluster p using p_pkey", activeTransaction],
    ["refresh materialized view concurrently m", undefined],
    ["refresh materialized view m", undefined],
    ["alter table p detach partition p1 concurrently", activeTransaction],
    ["alter table p detach partition p1", undefined],
    ["create database other", activeTransaction],
    ["drop database other", activeTransaction],
    ["drop database if exists other", activeTransaction],
    ["alter database postgres set tablespace pg_default", activeTransaction],
    ["alter database postgres set work_mem = '5MB'", undefined],
    ["create tablespace other location '/nowhere'", activeTransaction],
    ["drop tablespace other", activeTransaction],
    ["alter system set work_mem = '5MB'", activeTransaction],
    ["discard all", activeTransaction],
    ["discard plans", undefined],
    ["create subscription s connection 'host=127.0.0.1' publication p", activeTransaction],
    ["create subscription s connection 'host=127.0.0.1' publication p with (connect = false)", undefined],
    ["checkpoint", undefined],
    ["alter type mood add value 'new'", undefined],
    ["alter type mood add value 'new'; insert into moods values ('new')", unsafeEnumValue],
    ["alter type mood add value 'new'; insert into moods values ('ok')", undefined],
    ["alter type mood add value 'new'; select '{ok,new}'::mood[]", unsafeEnumValue],
    ["alter type mood add value 'new'; alter table moods alter mood set default 'new'", unsafeEnumValue],
    ["alter type mood add value 'new'; do $$ begin insert into moods values ('new'); end $$", unsafeEnumValue],
    ["alter type mood add value 'new'; alter type mood add value 'newer' after 'new'", undefined],
    ["alter type mood rename value 'ok' to 'fine'; insert into moods values ('fine')", undefined],
    ["alter table t add column new int; alter type mood add value 'new'", undefined],
  ] as const)("%s: %s", async (sql, expected) => {
    const { statements } = await parseMigration(makeMigration(sql));
    const texts = statements.map(({ text }) => text);
    expect(await askServer(texts)).toBe(expected);
    expect(isTransactional(statements, facts)).toBe(expected === undefined);
  });
});
