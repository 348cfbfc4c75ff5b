import { describe, expect, test } from "vitest";
import { usePushBench } from "../../support/push-bench.ts";

const bench = usePushBench();
const inSchema = (schema: string, body: string) =>
  schema === "public"
    ? `export const t = pg.pgTable${body};`
    : `export const s = pg.pgSchema("${schema}"); export const t = s.table${body};`;
const check = (expression: string, schema = "public") =>
  inSchema(
    schema,
    `("t", { id: pg.integer("id"), name: pg.text("name") }, (t) => [pg.check("c", sql\`${expression}\`)])`,
  );
const generated = (expression: string, schema = "public") =>
  inSchema(schema, `("t", { id: pg.integer("id"), g: pg.integer("g").generatedAlwaysAs(() => sql\`${expression}\`) })`);

describe.each(["public", "shop"])("in the schema %s", (schema) => {
  test.each([
    ["a check", check, "${t.id} > 0", "${t.id}  >  (0)", "${t.id} > 1", "(id > 1)", "(id > 0)"],
    ["a generated column", generated, "${t.id} + 1", "(${t.id}+1)", "${t.id} + 2", "(id + 2)", "(id + 1)"],
  ])(
    "%s that differs is said and not changed, one that is written otherwise is not",
    async (...[, make, old, same, other, file, database]) => {
      await bench.push(make(old, schema));
      expect(await bench.push(make(same, schema))).toMatchObject({ status: "up-to-date", findings: [] });
      for (const dryRun of [true, false]) {
        const result = await bench.push(make(other, schema), { dryRun });
        expect(result).toMatchObject({ status: "up-to-date", statements: [], findings: [{ code: "push.differs" }] });
        expect(result.findings[0]?.message).toContain(`${file} in the schema file, ${database} in the database`);
        expect(result.findings[0]?.message).toContain(`${schema}.t`);
      }
      expect(await bench.push(make(old, schema))).toMatchObject({ findings: [] });
    },
  );
});

test("a check that differs is said beside what is pushed, and its text is not when it may hold a secret", async () => {
  await bench.push(check("${t.name} <> 'token a'"));
  const more = `${check("${t.name} <> 'token b'")} export const u = pg.pgTable("u", { a: pg.text("a") });`;
  const result = await bench.push(more);
  expect(result).toMatchObject({ status: "pushed", findings: [{ code: "push.differs" }] });
  expect(JSON.stringify(result)).not.toContain("token");
  expect(await bench.query("select to_regclass('pg_temp.t') as t")).toEqual([{ t: null }]);
});

test("a check about what the table does not have yet may differ, and is said", async () => {
  await bench.push(check("${t.id} > 0"));
  const later = `export const t = pg.pgTable("t", { id: pg.integer("id"), name: pg.text("name"), n: pg.integer("n") },
    (t) => [pg.check("c", sql\`\${t.n} > 0\`)]);`;
  const result = await bench.push(later);
  expect(result).toMatchObject({ status: "pushed", findings: [{ code: "push.uncompared" }] });
  expect(result.findings[0]?.message).toContain("42703");
});

test("an expression that would end its statement is not executed", async () => {
  await bench.push(check("${t.id} > 0"));
  const result = await bench.push(check("true); drop table t; select (1"));
  expect(result).toMatchObject({ status: "up-to-date", findings: [{ code: "push.uncompared" }] });
  expect(await bench.query("select count(*)::int as n from t")).toEqual([{ n: 0 }]);
});

const parts = (columns = "") =>
  `export const parts = pg.pgTable("parts", { id: pg.integer("id").primaryKey()${columns} });`;

describe("a partitioned table", () => {
  const refs = 'export const refs = pg.pgTable("refs", { p: pg.integer("p").references(() => parts.id) });';

  test("is compared as a table is, and so is one that refers to it", async () => {
    await bench.query(`create table parts (id integer primary key) partition by range (id);
      create table parts_1 partition of parts for values from (0) to (10); create table parts_2 partition of parts default`);
    expect(await bench.push(parts() + refs)).toMatchObject({ status: "pushed", reemitted: [], unmanaged: [] });
    expect(await bench.push(parts() + refs)).toMatchObject({ status: "up-to-date", reemitted: [] });
    const added = await bench.push(parts(', note: pg.text("note")') + refs);
    expect(added).toMatchObject({ status: "pushed", statements: [{ sql: expect.stringContaining("ADD COLUMN") }] });
    expect(await bench.query("select note from parts_1")).toEqual([]);
  });

  test("has partitions that are refused as tables of the schema file", async () => {
    await bench.query(`create table parts (id integer primary key) partition by range (id);
      create table parts_1 partition of parts default`);
    const result = await bench.push('export const p = pg.pgTable("parts_1", { id: pg.integer("id") });');
    expect(result).toMatchObject({ status: "refused", error: { code: "push.unsupported" } });
    expect(result.error?.message).toContain("public.parts_1");
  });
});
