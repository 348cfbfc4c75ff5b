import { expect, test } from "vitest";
import { leavesSessionAlone } from "#lib/migrate/apply/leaves-session.ts";
import { parseMigration } from "#lib/migrate/sql/parse-migration.ts";
import { makeMigration } from "../../../support/migrations.ts";

const judge = async (sql: string) => {
  const { statements } = await parseMigration(makeMigration(sql));
  return leavesSessionAlone(statements.map(({ node }) => node));
};

test.each([
  "create table t (id bigint generated always as identity, at timestamptz not null default now())",
  "alter table t add column c text, add constraint c_check check (length(c) > 1) not valid",
  "create index t_c_idx on t (lower(c)); comment on table t is 'x'; create type mood as enum ('a')",
  "drop table t; create view v as select 1 as one; grant select on v to public",
])("definitions leave the session alone: %s", async (sql) => {
  expect(await judge(sql)).toBe(true);
});

test.each([
  "set search_path = other",
  "select set_config('search_path', 'other', false)",
  "do $$ begin perform set_config('search_path', 'other', false); end $$",
  "insert into t values (1)",
  "call p()",
  "alter table t alter column c type int using public.convert(c)",
  "alter table t add column c int default other.now()",
  "create table u as select 1",
  "create table t (); set role nobody",
])("what may set something does not: %s", async (sql) => {
  expect(await judge(sql)).toBe(false);
});
