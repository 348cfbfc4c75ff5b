import { expect, test } from "vitest";
import { isFingerprinted } from "#lib/migrate/push/fingerprinted.ts";
import { loadParser } from "#lib/migrate/sql/parser.ts";

test.each([
  ["alter view v set (security_invoker = true)", true],
  ["alter materialized view v set (fillfactor = 70)", true],
  ["alter materialized view v set access method heap", true],
  ["alter materialized view v set tablespace fast", false],
  ["alter table t alter column a set default 1", true],
  ["alter table t alter column a drop default", true],
  ["alter table t alter column a set not null", true],
  ["alter table t alter column a drop not null", true],
  ['alter table t alter column a set data type text using "a"::text', true],
  ["alter table t alter column a set data type text", true],
  ["alter table t alter column a set data type text using upper(a)", false],
  ["alter table t alter column a set start with 7", true],
  ["alter table t alter column a restart with 7", false],
  ["alter table t alter column a drop identity", false],
  ["alter table t add constraint c check (a > 0)", true],
  ["alter table t drop constraint c", true],
  ["alter table t drop constraint c, alter column a restart with 7", false],
  ["alter table t drop column a", false],
  ["alter table t enable row level security", true],
  ["alter table t owner to somebody", false],
  ["alter sequence s increment by 2 start with 5", true],
  ["alter sequence s restart with 5", false],
  ["create index i on t (a)", true],
  ["drop index i", true],
  ["create policy p on t", true],
  ["alter policy p on t to public", true],
  ["drop policy p on t", true],
  ["drop view v", false],
  ["create role r", false],
  ["truncate t", false],
])("whether the fingerprint shows all that `%s` can do: %s", async (sql, expected) => {
  const outcome = (await loadParser())(sql);
  if (!outcome.ok) throw new Error(outcome.message);
  expect(outcome.statements.map(({ node }) => isFingerprinted(node))).toEqual([expected]);
});
