import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSchema } from "#lib/bundle/push.ts";
import { checkAfterRun } from "#lib/migrate/after-run/check-after-run.ts";
import { push } from "#lib/migrate/push/push.ts";
import type { PushResult } from "#lib/migrate/push/result.ts";
import { connect } from "#lib/postgres/connect.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { openRun } from "../../support/run-connections.ts";
import { makeSchemaFolder, type SchemaFolder } from "../../support/schema-folder.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let folder: SchemaFolder;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  folder = stack.use(await makeSchemaFolder());
});
afterEach(async () => await stack.disposeAsync());

async function pushSchema(exports: string, acceptDataLoss = false): Promise<PushResult> {
  await folder.write(exports);
  await using schema = await openSchema(folder.schemaFile, folder.renamesFile);
  const runId = randomUUID();
  await using connections = await openRun(database.address, runId);
  const { kit, renames } = schema;
  return await push(connections, { kit, renames, acceptDataLoss, runId, requestedBy: "test" });
}

async function query(sql: string): Promise<unknown[]> {
  await using connection = await connect(database.address, { applicationName: "push test" });
  return (await connection.client.query<Record<string, unknown>>(sql)).rows;
}

async function fingerprint(): Promise<string> {
  await using connection = await connect(database.address, { applicationName: "push test" });
  return (await checkAfterRun(connection.client)).fingerprint;
}

const table = (columns: string, extras = "") =>
  `export const t = pg.pgTable("t", { id: pg.integer("id"), ${columns} }, (t) => [${extras}]);`;
const plain = table("");
const view = (options: string) => `${plain} export const v = pg.pgView("v")${options}.as((qb) => qb.select().from(t));`;
const matview = (options: string) =>
  `${plain} export const v = pg.pgMaterializedView("v")${options}.as((qb) => qb.select().from(t));`;
const identity = (options: string) => table(`n: pg.integer("n").generatedAlwaysAsIdentity({ ${options} })`);
const column = (definition: string) => table(`a: ${definition}`);
const sequence = (options: string) => `export const s = pg.pgSequence("s", { ${options} });`;
const role = (name: string) => `${plain} export const r = pg.pgRole("${name}")`;
const policy = (options: string) => table("", `pg.pgPolicy("own", { ${options} })`);

test.each([
  ["the security of a view", view(""), view(".with({ securityInvoker: true })")],
  ["the check option of a view", view(""), view('.with({ checkOption: "local" })')],
  ["an option of a view, away", view(".with({ securityInvoker: true })"), view("")],
  ["the fill factor of a materialized view", matview(""), matview(".with({ fillfactor: 70 })")],
  ["a default", column('pg.text("a")'), column('pg.text("a").default("x")')],
  ["a default, away", column('pg.text("a").default("x")'), column('pg.text("a")')],
  ["NOT NULL", column('pg.text("a")'), column('pg.text("a").notNull()')],
  ["NOT NULL, away", column('pg.text("a").notNull()'), column('pg.text("a")')],
  ["a type", column('pg.varchar("a", { length: 10 })'), column('pg.varchar("a", { length: 20 })')],
  [
    "a column that becomes an identity",
    column('pg.integer("a").notNull()'),
    column('pg.integer("a").generatedAlwaysAsIdentity()'),
  ],
  ["a step of an identity", identity("increment: 1"), identity("increment: 5")],
  ["a start of an identity", identity("startWith: 1"), identity("startWith: 100")],
  ["a unique constraint", column('pg.text("a")'), column('pg.text("a").unique()')],
  ["a check", plain, table("", 'pg.check("c", sql`id > 0`)')],
  ["a check, away", table("", 'pg.check("c", sql`id > 0`)'), plain],
  ["a primary key", plain, table("", 'pg.primaryKey({ name: "t_pk", columns: [t.id] })')],
  ["an index", plain, table("", 'pg.index("i").on(t.id)')],
  ["an index, away", table("", 'pg.index("i").on(t.id)'), plain],
  ["a step of a sequence", sequence("increment: 1"), sequence("increment: 5")],
  ["row level security", plain, `${plain.slice(0, -1)}.enableRLS();`],
  ["a policy", plain, policy('for: "select", to: "public"')],
  ["whom a policy is for", policy('for: "select", to: "public"'), policy('for: "select", to: "current_user"')],
  ["a label of an enum", 'export const e = pg.pgEnum("e", ["a"]);', 'export const e = pg.pgEnum("e", ["a", "b"]);'],
])("%s is changed by a push, and stays so", async (_what, before, after) => {
  await pushSchema(before);
  const old = await fingerprint();
  const result = await pushSchema(after);
  expect(result).toMatchObject({ status: "pushed" });
  expect(result.after?.fingerprint).not.toBe(old);
  const kept = await fingerprint();
  expect(kept).toBe(result.after?.fingerprint);
  await pushSchema(after);
  expect(await fingerprint()).toBe(kept);
});

test("a role is refused, for it is the whole server's; one that is declared to be there is left alone", async () => {
  const result = await pushSchema(`${role("postern_test_pushed")};`);
  expect(result).toMatchObject({ status: "refused", error: { code: "push.unsupported" } });
  expect(result.error?.hint).toContain("existing()");
  expect(await query("select to_regclass('t') as t, to_regrole('postern_test_pushed') as role")).toEqual([
    { t: null, role: null },
  ]);
  expect(await pushSchema(`${role("pg_monitor")}.existing();`)).toMatchObject({ status: "pushed" });
});

test("a view that is to be read with the reader's rights is, after the push", async () => {
  await pushSchema(view(""));
  expect(await pushSchema(view(".with({ securityInvoker: true })"))).toMatchObject({ status: "pushed" });
  const options = "select reloptions from pg_class where oid = 'v'::regclass";
  expect(await query(options)).toEqual([{ reloptions: ["security_invoker=true"] }]);
});

const readRowSecurity = async () => query("select relrowsecurity as on from pg_class where relname = 't'");

test("row level security is switched off only when that was accepted", async () => {
  await pushSchema(`${plain.slice(0, -1)}.enableRLS();`);
  expect(await pushSchema(plain)).toMatchObject({ status: "refused", error: { code: "push.data-loss" } });
  expect(await readRowSecurity()).toEqual([{ on: true }]);
  expect(await pushSchema(plain, true)).toMatchObject({ status: "pushed" });
  expect(await readRowSecurity()).toEqual([{ on: false }]);
});
