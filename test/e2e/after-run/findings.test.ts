import type { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { checkAfterRun } from "#lib/migrate/after-run/check-after-run.ts";
import { connect } from "#lib/postgres/connect.ts";
import { createTestDatabase, type OwnTestServer, startTestServer, type TestDatabase } from "../../support/postgres.ts";

describe.each([16, 18] as const)("findings after a run on PostgreSQL %i", (version) => {
  let server: OwnTestServer;
  let database: TestDatabase;
  let client: Client;
  let stack: AsyncDisposableStack;

  beforeAll(async () => {
    server = await startTestServer({ version });
  });
  afterAll(async () => await server[Symbol.asyncDispose]());
  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    database = stack.use(await createTestDatabase(server));
    client = stack.use(await connect(database.address, { applicationName: "test" })).client;
  });
  afterEach(async () => await stack.disposeAsync());

  const findings = async (reader: Client = client) => (await checkAfterRun(reader)).findings;

  async function connectAs(role: string): Promise<Client> {
    await client.query(`create role ${role} login password 'reader'`);
    stack.defer(async () => void (await client.query(`drop owned by ${role}; drop role ${role}`)));
    const address = { ...database.address, user: role, password: "reader" };
    return stack.use(await connect(address, { applicationName: "test" })).client;
  }

  it("finds nothing in a database where all is well, nor in an empty one", async () => {
    expect(await findings()).toEqual([]);
    await client.query(
      `create table t (id serial primary key, n int generated always as identity unique, constraint t_check check (id > 0));
       insert into t default values; insert into t (id) values (default)`,
    );
    expect(await findings()).toEqual([]);
  });

  it("names an invalid index with what drops and rebuilds it, and what it says works", async () => {
    await client.query(`create schema "Shop"; create table "Shop".t (id int); insert into "Shop".t values (1), (1)`);
    await client.query(`create unique index concurrently "T key" on "Shop".t (id) where id > 0`).catch(() => undefined);
    const [finding, ...others] = await findings();
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ code: "index.invalid", object: `"Shop"."T key"` });
    const [, drop = "", rebuild = ""] = /Run: (.*); then: (.*)$/u.exec(finding?.message ?? "") ?? [];
    await client.query(`delete from "Shop".t`);
    await client.query(drop);
    await client.query(rebuild);
    expect(await findings()).toEqual([]);
  });

  it("says of what REINDEX CONCURRENTLY left only that it is to be dropped", async () => {
    await client.query("create table t (id int); create index t_ccnew on t (id)");
    await client.query("update pg_index set indisvalid = false where indexrelid = 't_ccnew'::regclass");
    expect((await findings())[0]?.message).toMatch(/Run: drop index concurrently public\.t_ccnew$/u);
  });

  it("leaves an index alone that somebody is building now", async () => {
    await client.query("create table t (id int)");
    const blocker = stack.use(await connect(database.address, { applicationName: "test" })).client;
    const builder = stack.use(await connect(database.address, { applicationName: "test" })).client;
    await blocker.query("begin; lock table t in row exclusive mode");
    const built = builder.query("create index concurrently t_idx on t (id)");
    await expect.poll(async () => (await client.query("select from pg_index where not indisvalid")).rowCount).toBe(1);
    expect(await findings()).toEqual([]);
    await blocker.query("rollback");
    await built;
  });

  it("names a constraint that is NOT VALID, of a table or of a domain, with what validates it", async () => {
    await client.query(
      `create domain email as text; create table t (id int primary key, other int);
       alter domain email add constraint email_check check (value <> '') not valid;
       alter table t add constraint "T fkey" foreign key (other) references t not valid;
       alter table t add constraint t_check check (id > 0) not valid`,
    );
    const found = await findings();
    expect(found.map(({ code, object }) => `${code} ${object}`)).toEqual([
      "constraint.not-validated public.email email_check",
      'constraint.not-validated public.t "T fkey"',
      "constraint.not-validated public.t t_check",
    ]);
    for (const { message } of found) await client.query(/Run: (.*)$/u.exec(message)?.[1] ?? "");
    expect(await findings()).toEqual([]);
  });

  it.runIf(version >= 18)("takes NOT ENFORCED for what it says, and sees a NOT NULL that is NOT VALID", async () => {
    await client.query("create table t (id int, constraint t_check check (id > 0) not enforced)");
    expect(await findings()).toEqual([]);
    await client.query("alter table t add constraint t_id_not_null not null id not valid");
    expect(await findings()).toMatchObject([{ code: "constraint.not-validated", object: "public.t t_id_not_null" }]);
  });

  describe("sequences", () => {
    it.each([
      ["serial", "id serial primary key"],
      ["bigserial that counts in tens", "id bigserial primary key"],
      ["identity", "id int generated by default as identity primary key"],
      ["a default of its own", "id numeric default nextval('\"Own s''eq\"') primary key"],
    ])("finds one behind its column: %s", async (kind, column) => {
      await client.query(`create sequence "Own s'eq"; create table t (${column})`);
      if (kind.includes("tens")) await client.query("alter sequence t_id_seq increment 10");
      await client.query("insert into t values (1), (5)");
      const [finding, ...others] = await findings();
      expect(others).toEqual([]);
      expect(finding).toMatchObject({ code: "sequence.behind" });
      expect(finding?.message).toContain("gives 1 next, but public.t.id has reached 5");
      await client.query(/Run: (.*)$/u.exec(finding?.message ?? "")?.[1] ?? "");
      expect(await findings()).toEqual([]);
      await client.query("insert into t default values");
    });

    it("is exact at the edge: the next number must be free, and that is enough", async () => {
      await client.query(
        "create table t (id serial primary key); insert into t values (5); select setval('t_id_seq', 5, false)",
      );
      expect(await findings()).toMatchObject([{ code: "sequence.behind" }]);
      await client.query("select setval('t_id_seq', 5)");
      expect(await findings()).toEqual([]);
    });

    it("compares beyond 2^53 and downwards", async () => {
      await client.query(
        `create table big (id bigserial primary key); insert into big values (9007199254740993); select setval('big_id_seq', 9007199254740992);
         create sequence down increment -1; create table low (id int default nextval('down') primary key); insert into low values (-7)`,
      );
      const found = await findings();
      expect(found.map(({ object }) => object)).toEqual(["public.big_id_seq", "public.down"]);
      expect(found[0]?.message).toContain("gives 9007199254740993 next");
      for (const { message } of found) await client.query(/Run: (.*)$/u.exec(message)?.[1] ?? "");
      expect(await findings()).toEqual([]);
    });

    it("looks through the partitions of a table", async () => {
      await client.query(
        `create table t (id bigserial, primary key (id)) partition by range (id);
         create table t_1 partition of t for values from (0) to (10); create table t_2 partition of t for values from (10) to (20);
         insert into t values (3), (12)`,
      );
      expect((await findings())[0]?.message).toContain("public.t.id has reached 12");
    });

    it("does not read a table whose column has no index, and says so", async () => {
      await client.query(
        `create table t (id serial, part int generated always as identity);
         create index t_part on t (part) where part > 3; insert into t (id) values (9)`,
      );
      expect(await findings()).toMatchObject([
        { code: "sequence.unchecked", object: "public.t_id_seq" },
        { code: "sequence.unchecked", object: "public.t_part_seq" },
      ]);
    });

    it("leaves alone what is meant: a cycle, and a default that does more than nextval", async () => {
      await client.query(
        `create sequence s; create table t (id int default nextval('s') * 10 primary key, code text default 'c' || nextval('s') unique);
         create table c (id serial primary key); alter sequence c_id_seq cycle; insert into c values (9); insert into t values (90, 'c9')`,
      );
      expect(await findings()).toEqual([]);
    });
  });

  it("says what a role may not read, and finds the rest", async () => {
    await client.query(
      `create table t (id serial primary key); insert into t values (5);
       alter table t add constraint t_check check (id > 0) not valid`,
    );
    const reader = await connectAs(`after_run_reader_${version}`);
    expect((await findings(reader)).map(({ code }) => code)).toEqual([
      "constraint.not-validated",
      "sequence.unchecked",
    ]);
  });

  it("does not look at the runner's own schemas", async () => {
    await client.query(
      "create schema postern; create table postern.t (id serial primary key); insert into postern.t values (9); alter table postern.t add constraint c check (id > 0) not valid",
    );
    expect(await findings()).toEqual([]);
  });

  it("takes one round trip, two where a table with a sequence has rows, and leaves the session as it was", async () => {
    await client.query("create table t (id serial primary key); set search_path = public; set datestyle = 'german'");
    let messages = 0;
    const counting = { query: async (text: string) => ((messages += 1), await client.query(text)) };
    await checkAfterRun(counting as unknown as Client);
    expect(messages).toBe(1);
    await client.query("insert into t default values");
    await checkAfterRun(counting as unknown as Client);
    expect(messages).toBe(3);
    const { rows } = await client.query(
      "select current_setting('search_path') p, current_setting('datestyle') d, current_setting('transaction_read_only') r",
    );
    expect(rows).toEqual([{ p: "public", d: "German, DMY", r: "off" }]);
    expect(client.getTransactionStatus()).toBe("I");
  });

  it("gives up behind somebody's exclusive lock instead of waiting for its end", async () => {
    await client.query("create table t (id int default 1)");
    await client.query("create view v as select * from t");
    const other = stack.use(await connect(database.address, { applicationName: "test" })).client;
    await other.query("begin; lock table t in access exclusive mode");
    await expect(checkAfterRun(client)).rejects.toMatchObject({ code: "db.timeout", sqlState: "55P03" });
    await other.query("rollback");
  });
});
