import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSeedPlayground, type SeedPlayground } from "../../support/seed-set.ts";

let play: SeedPlayground;
beforeEach(async () => {
  play = await openSeedPlayground();
  await play.client.query("create table t (id int primary key, name text)");
});
afterEach(async () => play[Symbol.asyncDispose]());

const ran = (isNew: boolean) => ({ scripts: [{ file: "s/5-setup.sql", ran: isNew, ms: expect.any(Number) }] });

describe("a SQL file of a set", () => {
  it("runs in its place, once, and again when it was edited", async () => {
    const sql = "-- two statements\ninsert into t values (1, 'a');\nupdate t set name = name || '!';\n";
    await play.write({ "1-t.csv": "id,name\n0,zero\n", "5-setup.sql": sql });
    expect(await play.seed()).toMatchObject(ran(true));
    expect(await play.seed()).toMatchObject(ran(false));
    expect(await play.all("select * from t order by id")).toEqual([
      { id: 0, name: "zero!" },
      { id: 1, name: "a!" },
    ]);
    await play.write({ "5-setup.sql": "update t set name = 'edited'" });
    expect(await play.seed()).toMatchObject(ran(true));
    expect(await play.all("select distinct name from t")).toEqual([{ name: "edited" }]);
  });

  it("that fails leaves nothing, tells the place, and runs again once it is mended", async () => {
    const sql = "insert into t values (1, 'x');\ninsert into t (id, nmae) values (2, 'b');\n";
    await play.write({ "5-setup.sql": sql });
    await expect(play.seed()).rejects.toMatchObject({
      code: "seed.failed",
      sqlState: "42703",
      message: expect.stringMatching(/^s\/5-setup\.sql:2:20: .*"nmae" of relation "t" does not exist$/),
    });
    expect(await play.all("select * from t")).toEqual([]);
    await play.write({ "5-setup.sql": sql.replace("nmae", "name") });
    await play.seed();
    expect(await play.all("select count(*)::int from t")).toEqual([{ count: 2 }]);
  });

  it.each([
    ["a wrong column", "insert into t select 1, '4111-1111', nme", "seed.failed", /^s\/5-setup\.sql:2:38: .*"nme"/],
    [
      "SQL that is none",
      "insert into t values (1, '4111-1111',, 2)",
      "seed.invalid-file",
      /^s\/5-setup\.sql:2:38: syntax error$/,
    ],
    [
      "a value in the wrong place",
      "insert into t values (1 '4111-1111')",
      "seed.invalid-file",
      /^s\/5-setup\.sql:2:25: syntax error$/,
    ],
  ])("with %s tells file, line and column, and shows nothing of the file", async (_, sql, code, message) => {
    await play.write({ "5-setup.sql": `-- rows\n${sql};` });
    const failure: unknown = await play.seed().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(inspect(failure, { depth: 10 })).not.toMatch(/4111/);
  });

  it("that breaks a constraint quotes no row", async () => {
    await play.write({ "5-setup.sql": "insert into t values (1, 'a');\ninsert into t select 1, 'secret';" });
    const failure: unknown = await play.seed().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "seed.failed", sqlState: "23505" });
    expect(inspect(failure, { depth: 10 })).not.toContain("(id)=(1)");
  });

  it.each([
    [
      "a value that is none of its type",
      "insert into c (id, card) values (1, 'ok'),\n('4111-1111', 'x')",
      "22P02",
      /^s\/5-c\.sql:2:1: invalid input syntax for type integer$/,
    ],
    ["a check", "insert into c values (1, '4111-1111')", "23514", /^s\/5-c\.sql:2:1: .*"c_card_check"$/],
    ["a key", "insert into c values (41111, 'a'), (41111, 'b')", "23505", /^s\/5-c\.sql:2:1: .*"c_pkey"$/],
    [
      "a trigger that quotes it",
      "insert into c values (2, 'raise 4111-1111')",
      "P0001",
      /^s\/5-c\.sql:2:1: no card like … in row … may be$/,
    ],
    [
      "a foreign key at the commit",
      "insert into c values (41111111, 'a', 41111112)",
      "23503",
      /^s\/5-c\.sql, when it was committed: .*"c_parent_fkey"$/,
    ],
    ["a domain", "insert into c (id, code) values (1, '4111-1111')", "23514", /^s\/5-c\.sql:2:1: .*"short"/],
  ])("that breaks on %s tells file, line and constraint, and no value", async (_, sql, sqlState, message) => {
    await play.client.query(`create domain code as text constraint short check (length(value) < 5);
      create table c (id int primary key, card text check (card not like '4111%'),
        parent int references c deferrable initially deferred, code code);
      create function refuse() returns trigger language plpgsql as
        $$ begin if new.card like 'raise%' then raise 'no card like % in row % may be', new.card, new.id; end if; return new; end $$;
      create trigger refuse before insert on c for each row execute function refuse()`);
    await play.write({ "5-c.sql": `-- cards\n${sql};` });
    const failure: unknown = await play.seed().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "seed.failed", sqlState, message: expect.stringMatching(message) });
    expect(inspect(failure, { depth: 10 })).not.toMatch(/4111/);
  });

  it.each(["23514", "44000", "22023", "AB123"])("that a trigger refuses with code %s shows no value", async (code) => {
    await play.client.query(`create function refuse() returns trigger language plpgsql as
        $$ begin raise 'no card like %', new.id using errcode = '${code}', constraint = 'cards', column = 'id'; end $$;
      create trigger refuse before insert on t for each row execute function refuse()`);
    await play.write({ "5-t.sql": "insert into t values (41111111, 'a')" });
    const failure: unknown = await play.seed().catch((error: unknown) => error);
    expect(failure).toMatchObject({
      sqlState: code,
      message: expect.stringMatching(/^s\/5-t\.sql:1:1: no card like … \(constraint "cards"\)$/),
    });
    expect(inspect(failure, { depth: 10 })).not.toMatch(/4111/);
  });

  it.each([
    [
      "a missing value",
      "alter table t alter name set not null; insert into t values (1, null)",
      /"name" of relation "t"/,
    ],
    [
      "no partition",
      "create table p (id int) partition by list (id); insert into p values (1)",
      /no partition of relation "p" found for row$/,
    ],
    [
      "a view's check option",
      "create view v as select * from t where id > 5 with check option; insert into v values (1)",
      /check option for view "v"$/,
    ],
  ])("that breaks on %s names what refused it", async (_, sql, message) => {
    await play.write({ "5-t.sql": sql });
    await expect(play.seed()).rejects.toMatchObject({ message: expect.stringMatching(message) });
  });

  it("leaves no setting behind for the files after it", async () => {
    await play.client.query("create schema other; create table other.t (id int primary key)");
    await play.write({ "1-x.sql": "set search_path = other", "2-t.csv": "id,name\n1,a\n" });
    await play.seed();
    expect(await play.all("select name from public.t")).toEqual([{ name: "a" }]);
  });

  it.each([
    ["COMMIT", "insert into t values (1, 'a');\ncommit;", /^s\/5-setup\.sql:2:1: COMMIT has no place in a seed set/],
    ["rows for COPY", "copy t from stdin;\n1\ta\n\\.\n", /^s\/5-setup\.sql:2:1: COPY … FROM STDIN needs a client/],
    ["a psql command", "\\i other.sql\n", /^s\/5-setup\.sql:1:1: \\i is a command of psql/],
    ["a syntax error", "selec 1", /^s\/5-setup\.sql:1:1: syntax error/],
  ])("with %s is refused before anything is written", async (_, sql, message) => {
    await play.write({ "1-t.csv": "id,name\n0,zero\n", "5-setup.sql": sql });
    await expect(play.seed()).rejects.toMatchObject({
      code: "seed.invalid-file",
      message: expect.stringMatching(message),
    });
    expect(await play.all("select * from t")).toEqual([]);
  });
});

describe("a row", () => {
  it.each([
    ["1-t.csv", "id,name\n1,a\n4111 1111 1111 1111,b\n", "22P02"],
    ["1-t.csv", "id,name\n1,a\n4111111111111111,b\n", "22003"],
    ["1-t.csv", "id,name\n1,a\n2,raise 4111\n", "P0001"],
  ])("in %s (%j) with a value that is none of its type is named without the value", async (file, text, sqlState) => {
    await play.client.query(`create function refuse() returns trigger language plpgsql as
        $$ begin if new.name like 'raise%' then raise 'not %', new.name; end if; return new; end $$;
      create trigger refuse before insert on t for each row execute function refuse()`);
    await play.write({ [file]: text });
    const failure: unknown = await play.seed().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "seed.failed", sqlState, message: expect.stringContaining("line 3") });
    expect(inspect(failure, { depth: 10 })).not.toMatch(/4111/);
  });
});
