import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { PlannedMigration } from "#lib/protocol.ts";
import { isDestructive, judgeMigrations } from "#lib/migrate/plan/plan.ts";
import { parseMigration } from "#lib/migrate/sql/parse-migration.ts";
import { makeMigration } from "../../../support/migrations.ts";
import { catalog, table } from "./facts.ts";

const known = catalog(
  table("empty", "empty"),
  table("small", "small"),
  table("medium", "medium"),
  table("large", "large"),
  table("uncounted", "uncounted"),
  table("orders", "large", {
    notNullChecks: [
      { name: "a_set", column: "a", isValid: true },
      { name: "b_set", column: "b", isValid: false },
    ],
  }),
  table("kept", "medium", { schema: "archive", isVisible: false }),
);

async function plan(...texts: string[]): Promise<PlannedMigration[]> {
  const parsed = await Promise.all(texts.map(async (text, index) => parseMigration(makeMigration(text, index))));
  return await judgeMigrations(parsed, known);
}

/** `code severity [table]`, and `!` where data goes. */
async function hazards(...texts: string[]): Promise<string[]> {
  return (await plan(...texts)).flatMap((migration) =>
    migration.hazards.map(({ code, severity, table: where, destructive }) =>
      [code, severity, where?.replace("public.", ""), destructive ? "!" : undefined]
        .filter((part) => part !== undefined)
        .join(" "),
    ),
  );
}

describe("a hazard weighs what the table weighs", () => {
  it.each([
    ["empty", "notice"],
    ["small", "notice"],
    ["medium", "warning"],
    ["large", "danger"],
    ["uncounted", "danger"],
    ["nowhere", "warning"],
  ])("%s: %s", async (name, severity) => {
    expect(await hazards(`create index on ${name} (a)`)).toEqual([`index.blocking ${severity} ${name}`]);
  });

  it("and says how much that is", async () => {
    const [planned] = await plan("create index on large (a)");
    expect(planned?.hazards[0]?.message).toContain("(about 20 M rows, 3 GB).");
  });
});

describe("hazards", () => {
  it.each([
    ["alter table large add column c uuid default gen_random_uuid()", ["default.volatile danger large"]],
    ["alter table large add column c int default 1", []],
    ["alter table large add column c int not null", ["not-null.no-default danger large"]],
    ["alter table empty add column c int not null", []],
    ["alter table large add column if not exists a int not null", []],
    ["alter table large alter a set not null", ["not-null.scan danger large"]],
    ["alter table orders alter a set not null", []],
    ["alter table orders alter b set not null", ["not-null.scan danger orders"]],
    ["alter table orders validate constraint b_set; alter table orders alter b set not null", []],
    ["alter table large alter a type bigint", ["rewrite danger large", "type.change warning large"]],
    ["alter table large alter a type smallint", ["rewrite danger large", "type.narrowing danger large !"]],
    ["alter table large alter b type varchar", []],
    ["alter table large add constraint c check (a > 0)", ["constraint.scan danger large"]],
    ["alter table large add constraint c check (a > 0) not valid", []],
    ["alter table medium add foreign key (a) references small", ["constraint.scan warning medium"]],
    ["alter table medium add foreign key (a) references small not valid", []],
    ["alter table large add primary key (id)", ["index.blocking danger large"]],
    ["create index concurrently on large (a)", ["index.invalid notice large"]],
    ["drop table large", ["drop.table danger large !"]],
    ["drop table empty", ["drop.table warning empty !"]],
    ["drop table empty cascade", ["drop.table danger empty !"]],
    ["drop table archive.kept", ["drop.table danger archive.kept !"]],
    ["drop schema archive cascade", ["drop.schema danger !"]],
    ["drop type mood cascade", ["drop.cascade danger !"]],
    ["drop type mood", ["drop.object warning"]],
    ["drop sequence s", ["drop.object warning !"]],
    ["drop view v", ["drop.object warning"]],
    ["drop extension postgis", ["drop.object warning !"]],
    ["copy (with d as (delete from small returning *) select * from d) to '/tmp/x'", ["rows.delete danger small !"]],
    ["select tidy_up(), now()", ["opaque warning !"]],
    ["insert into small select count(*) from large", []],
    ["drop database other", ["drop.object danger !"]],
    ["drop owned by other", ["drop.object danger !"]],
    ["alter table large drop column a", ["drop.column danger large !"]],
    ["truncate small, large", ["truncate danger small !", "truncate danger large !"]],
    ["delete from large", ["rows.delete danger large !"]],
    ["delete from large where a = 1", ["rows.delete warning large !"]],
    ["with d as (delete from small returning *) insert into large select * from d", ["rows.delete danger small !"]],
    ["update large set a = 1", ["rows.update-all danger large !"]],
    ["update large set a = 1 where id = 7", ["rows.update warning large !"]],
    ["update large set a = 1 where a is null and id > 7", []],
    ["update large l set a = 1 from small s where l.a is null and s.id = l.id", []],
    ["update large l set a = 1 from small s where s.a is null and s.id = l.id", ["rows.update warning large !"]],
    ["update large set a = 1, b = 'x' where a is null", ["rows.update warning large !"]],
    ["update large set a = 1 where a is null or id = 7", ["rows.update warning large !"]],
    ["insert into small values (1) on conflict do nothing", []],
    ["insert into small values (1) on conflict (id) do update set a = 1", ["rows.update warning small !"]],
    [
      "merge into small s using large l on s.id = l.id when matched then update set a = 1",
      ["rows.update warning small !"],
    ],
    ["merge into small s using large l on s.id = l.id when not matched then insert values (1)", []],
    ["declare c cursor for select tidy_up()", ["opaque warning !"]],
    ["create table x as execute p", ["opaque warning !"]],
    ["alter table small add column c int default tidy_up()", ["opaque warning !"]],
    ["alter table small add check (tidy_up())", ["constraint.scan notice small", "opaque warning !"]],
    ["alter table small add check (tidy_up()) not valid", []],
    [
      "alter table small alter a type bigint using tidy_up(a)",
      ["rewrite notice small", "type.narrowing danger small !", "opaque warning !"],
    ],
    ["alter table small alter a set default tidy_up()", []],
    ["create table x (a int default tidy_up(), check (tidy_up()))", []],
    ["create view v as select tidy_up()", []],
    ["create policy p on small using (tidy_up())", []],
    ["create index concurrently i on small (tidy_up(a))", ["index.invalid notice small"]],
    ["alter table small add column c timestamptz default now()", []],
    ["select lo_unlink(7)", ["drop.object warning !"]],
    ["alter table large set unlogged", ["rewrite danger large", "unlogged warning large !"]],
    ["alter table large set logged", ["rewrite danger large"]],
    ["merge into small s using large l on s.id = l.id when matched then delete", ["rows.delete warning small !"]],
    ["alter table small rename to little", ["rename warning small"]],
    ["alter table small rename column a to z", ["rename warning small"]],
    ["alter table small set schema archive", ["rename warning small"]],
    ["do $$ begin perform 1; end $$", ["opaque warning !"]],
    ["call tidy_up()", ["opaque warning !"]],
    ["create table t (id int); insert into t values (1); comment on table t is 'x'; grant select on t to public", []],
  ])("%s", async (sql, expected) => {
    expect(await hazards(sql)).toEqual(expected);
  });
});

describe("what the plan itself made", () => {
  it("is small and nobody else's, so that nothing about it is hazardous", async () => {
    const sql = `create index on fresh (a); alter table fresh add column c uuid default gen_random_uuid();
      update fresh set a = 1; alter table fresh rename to newer; drop table newer;`;
    expect(await hazards("create table fresh (a int)", sql)).toEqual([]);
  });

  it("is not the table that is there already", async () => {
    expect(await hazards("create table if not exists large (a int); drop table large")).toEqual([
      "drop.table danger large !",
    ]);
    expect(await hazards("create temp table large (a int); drop table large; drop table public.large")).toEqual([
      "drop.table danger large !",
    ]);
  });

  it.each([
    ["a temporary table that is gone", "create temp table large (); drop table large; drop table large"],
    ["a search path", "set search_path = archive; create table large (); set search_path = public; drop table large"],
    ["a rename and back", "alter table large rename to x; alter table x rename to large; drop table large"],
    ["a table put in its place", "alter table large rename to x; create table large (); drop table x"],
  ])("does not hide what happens to the table that was there: %s", async (_how, sql) => {
    expect((await hazards(sql)).filter((hazard) => hazard.startsWith("drop.table danger"))).toHaveLength(1);
  });

  it("does not hide it behind a temporary table of an earlier migration", async () => {
    const found = await hazards("create temp table large () on commit drop", "drop table large");
    expect(found).toEqual(["drop.table danger large !"]);
  });

  it("does not hide what happens to a column that was there", async () => {
    const sql = `alter table large add column c int; alter table large rename c to d;
      alter table large rename a to c; alter table large drop column c`;
    expect(await hazards(sql)).toEqual(["rename warning large", "drop.column danger large !"]);
    const again = "alter table large add column if not exists a int; alter table large drop column a";
    expect(await hazards(again)).toEqual(["drop.column danger large !"]);
  });

  it("keeps its size under a new name", async () => {
    expect(await hazards("alter table large rename to big; create index on big (a)")).toEqual([
      "rename warning large",
      "index.blocking danger big",
      "lock.long danger large",
    ]);
  });

  it("may be filled and dropped, if it is a column", async () => {
    const sql = ["alter table large add column c int", "update large set c = a", "alter table large drop column c"];
    const found = await hazards(...sql);
    expect(found).toEqual(["rows.update-all danger large"]);
    expect(await hazards("alter table large add column c int", "update large set c = a where id > 7")).toEqual([]);
  });

  it("proves NOT NULL once it is valid", async () => {
    const add = "alter table large add constraint a_set check (a is not null) not valid";
    const set = "alter table large alter a set not null";
    expect(await hazards(add, set)).toEqual(["not-null.scan danger large"]);
    expect(await hazards(add, "alter table large validate constraint a_set", set)).toEqual([]);
  });
});

describe("a lock that is held through long work", () => {
  it("is a hazard of the transaction, not of either statement", async () => {
    const sql = "alter table small add column c int;\nupdate large set a = 1 where a is null;";
    const [planned] = await plan(sql);
    expect(planned?.hazards).toEqual([
      {
        code: "lock.long",
        severity: "danger",
        table: "public.small",
        line: 1,
        destructive: false,
        message: expect.stringContaining("while line 2 works over public.large"),
      },
    ]);
  });

  it("is none in two migrations, for the first lets go", async () => {
    expect(await hazards("alter table small add column c int", "update large set a = 1 where a is null")).toEqual([]);
  });

  it("is none of its own where the work takes the same lock itself", async () => {
    const sql = "alter table large add column c int; alter table large alter a set not null;";
    expect(await hazards(sql)).toEqual(["not-null.scan danger large"]);
    const weaker = "alter table large add column c int; alter table large validate constraint x;";
    expect(await hazards(weaker)).toEqual(["lock.long danger large"]);
  });

  it("is none where the work is short", async () => {
    expect(await hazards("alter table large add column c int; update small set a = 1 where a is null")).toEqual([]);
  });
});

it("a temporary table of a statement that is done is gone, and hides no other", async () => {
  const temporary = "create temp table large ()";
  const parsed = await parseMigration(makeMigration(`${temporary}; drop table large`, 0));
  const checksum = createHash("sha256").update(temporary).digest("hex");
  const begun = new Map([[parsed.migration.tag, [{ step: 1, checksum, state: "done" as const }]]]);
  const [planned] = await judgeMigrations([parsed], known, begun);
  expect(planned?.steps[0]).toMatchObject({ done: true });
  expect(planned?.hazards).toMatchObject([{ code: "drop.table", destructive: true }]);
});

it("only a plan in which data may go is destructive", async () => {
  expect(isDestructive(await plan("alter table large alter a set not null"))).toBe(false);
  expect(isDestructive(await plan("create table x ()", "drop table small"))).toBe(true);
});

it("each statement has its line, its text and its locks", async () => {
  const [planned] = await plan(`-- first\ncreate table x ();\n\nalter table small\n  add column c int;`);
  expect(planned).toMatchObject({
    tag: "0000_step",
    transactional: true,
    statements: 2,
    steps: [
      { line: 2, sql: "create table x ()", locks: [] },
      { line: 4, locks: [{ table: "public.small", mode: "ACCESS EXCLUSIVE", work: "none" }] },
    ],
  });
});

it("a statement that may hold a password is not shown", async () => {
  const [planned] = await plan(`alter role app password 'hunter2'; insert into small (b) values ('token', 'hunter2');`);
  expect(JSON.stringify(planned)).not.toContain("hunter2");
  expect(planned?.steps.map(({ sql }) => sql)).toEqual(Array(2).fill("(not shown: it may hold a password)"));
});

it("a statement that cannot run in a transaction says why, and takes the migration out of one", async () => {
  const [planned] = await plan("create index concurrently i on small (a); update large set a = 1 where id = 1");
  expect(planned).toMatchObject({
    transactional: false,
    steps: [{ outsideTransaction: "CREATE INDEX CONCURRENTLY" }, {}],
  });
});
