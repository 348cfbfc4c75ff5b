import { beforeAll, describe, expect, test } from "vitest";
import { findRepeats, findReplaced, type KitStatement, leaveOutTruncates } from "#lib/migrate/push/needless.ts";
import { loadParser, type SqlParser } from "#lib/migrate/sql/parser.ts";

let parser: SqlParser;
beforeAll(async () => {
  parser = await loadParser();
});

function parse(...texts: readonly string[]): KitStatement[] {
  return texts.flatMap((sql) => {
    const outcome = parser(sql);
    if (!outcome.ok) throw new Error(outcome.message);
    return outcome.statements.map(({ node }) => ({ sql, node }));
  });
}

describe("emptying a table", () => {
  const truncate = 'truncate table "t" cascade';

  test.each([
    ["to change a type", 'alter table "t" alter column "a" set data type bigint'],
    ["for a column with a default", 'alter table "t" add column "a" int default 1 not null'],
    ["for a serial column", 'alter table "t" add column "a" bigserial not null'],
    ["for a generated column", 'alter table "t" add column "a" int generated always as (1) stored not null'],
    ["for a column of another table", 'alter table "u" add column "a" int not null'],
  ])("is left out %s", (_case, statement) => {
    const [, kept] = parse(truncate, statement);
    expect(leaveOutTruncates(parse(truncate, statement))).toMatchObject([{ sql: kept?.sql }]);
  });

  test("stays for a required column without a default, with or without the schema's name", () => {
    const add = 'alter table "public"."t" add column "a" int not null';
    const type = 'alter table "t" alter column "b" set data type bigint';
    expect(leaveOutTruncates(parse(truncate, type, add)).map(({ sql }) => sql)).toEqual([truncate, type, add]);
  });
});

describe("a repeated change", () => {
  const drop = 'ALTER TABLE "t" DROP CONSTRAINT "t_pkey"';
  const add = 'ALTER TABLE "t" ADD CONSTRAINT "t_pkey" PRIMARY KEY("a","b")';
  const cache = 'ALTER TABLE "t" ALTER COLUMN "n" SET CACHE 1';

  test.each([
    ["the same key", [drop, add], "alter table public.t add constraint t_pkey PRIMARY KEY (a, b)", [drop, add]],
    ["another order of columns", [drop, add], "alter table public.t add constraint t_pkey PRIMARY KEY (b, a)", []],
    ["a key of another table", [drop, add], "alter table other.t add constraint t_pkey PRIMARY KEY (a, b)", []],
    ["a cache that is set already", [cache], "alter table public.t alter column n set cache 1", [cache]],
    ["another cache", [cache], "alter table public.t alter column n set cache 20", []],
    [
      "a cache that is set already, beside another option of the column",
      [cache, 'ALTER TABLE "t" ALTER COLUMN "n" SET INCREMENT BY 5'],
      "alter table public.t alter column n set cache 1",
      [cache],
    ],
    ["a drop alone", [drop], "alter table public.t add constraint t_pkey PRIMARY KEY (a, b)", []],
  ])("%s", (_case, statements, present, repeats) => {
    const found = findRepeats(parse(...statements), parse(present));
    expect([...found].map(({ sql }) => sql)).toEqual(repeats);
  });

  test("is looked for where a constraint is dropped and added", () => {
    const others = ['alter table "t" add constraint "c" check (a > 0)', 'alter table "u" drop constraint "d"'];
    expect(findReplaced(parse(drop, ...others, add))).toEqual(["t_pkey"]);
  });
});
