import { expect, test } from "vitest";
import { usePushBench } from "../../support/push-bench.ts";

const bench = usePushBench();
const parent = (columns = "") =>
  `export const parent = pg.pgTable("parent", { id: pg.integer("id").primaryKey()${columns} });`;
const child = 'export const child = pg.pgTable("child", { p: pg.integer("p").references(() => parent.id) });';
const required = parent(', needed: pg.text("needed").notNull()');

async function prepare(): Promise<void> {
  await bench.push(parent() + child);
  await bench.query("insert into parent values (1); insert into child values (1), (1); analyze");
}

const count = async (table: string) => (await bench.query(`select count(*)::int as n from ${table}`))[0]?.["n"];

test("tables of the schema file that are emptied with another are named, each with its rows, and emptied when accepted", async () => {
  await prepare();
  const refused = await bench.push(required + child);
  expect(refused).toMatchObject({ status: "refused", error: { code: "push.data-loss" } });
  expect(refused.statements[0]).toMatchObject({
    sql: 'truncate table "public"."parent", "public"."child"',
    hazards: [
      { code: "truncate", table: "public.parent", message: expect.stringContaining("about 1 rows") },
      { code: "truncate", table: "public.child", message: expect.stringContaining("about 2 rows") },
    ],
  });
  expect(await bench.push(required + child, { acceptDataLoss: true })).toMatchObject({ status: "pushed" });
  expect([await count("parent"), await count("child")]).toEqual([0, 0]);
});

test.each([
  ["refers to it", "create table audit (p integer references parent)"],
  [
    "refers to one that refers to it",
    "alter table child add constraint child_key unique (p); create table audit (p integer references child (p))",
  ],
  [
    "has a partition that refers to it",
    `create table whole (p integer) partition by list (p); create table audit partition of whole default;
     alter table audit add foreign key (p) references parent`,
  ],
])("a table that the schema file does not have and that %s keeps its rows, accepted or not", async (what, sql) => {
  await prepare();
  await bench.query(`delete from child where ctid > '(0,1)'; ${sql}; insert into audit values (1); analyze`);
  for (const acceptDataLoss of [false, true]) {
    const result = await bench.push(required + child, { acceptDataLoss });
    expect(result).toMatchObject({ status: "refused", error: { code: "push.unmanaged-data" } });
    expect(result.error?.message).toMatch(/^public\.audit: .*about 1 rows/mu);
    expect(result.error?.hint).not.toContain("--accept-data-loss");
  }
  expect([what, await count("audit"), await count("parent")]).toEqual([what, 1, 1]);
});

test("a child table that inherits is emptied with its parent, and is refused when the schema file does not have it", async () => {
  await bench.push(parent());
  await bench.query(
    "create table heir () inherits (parent); insert into heir values (2); insert into parent values (1)",
  );
  const result = await bench.push(required, { acceptDataLoss: true });
  expect(result).toMatchObject({ status: "refused", error: { code: "push.unmanaged-data" } });
  expect(await count("heir")).toBe(1);
});
