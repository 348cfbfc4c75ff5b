import { describe, expect, it } from "vitest";
import { passGate, useMigrateBench } from "../../support/migrate-bench.ts";

const bench = useMigrateBench();

const table = "create table account (email text); create table effect (tag text)";
const duplicates = "insert into account values ('a'), ('a')";

async function validity(index: string) {
  const sql = "select indisvalid as valid from pg_index where indexrelid = to_regclass($1)";
  return (await bench().rows(sql, [index])).map(({ valid }) => valid);
}

describe("a migration that runs step by step and fails", () => {
  it("goes on when it was mended behind what has run, and does not repeat what has", async () => {
    const { folder, run, rows } = bench();
    const begin = "insert into effect values ('a');\ncreate index concurrently i on account (email);\n";
    await folder.write([table, `${begin}insert into effect values (1 / 0)`]);
    const failed = await run();
    expect(failed).toMatchObject({ status: "failed", error: { code: "migrate.failed", sqlState: "22012" } });
    expect(failed.error?.hint).toContain("The statements before it were kept.");
    await folder.write([table, `${begin}insert into effect values ('b')`]);
    expect(await run()).toMatchObject({ status: "applied", applied: ["0001_step"] });
    expect(await rows("select tag from effect order by tag")).toEqual([{ tag: "a" }, { tag: "b" }]);
  });

  it("is refused when what has run was changed, and goes on when it is restored", async () => {
    const { folder, run, rows } = bench();
    const rest = ";\ncreate index concurrently i on account (email);\ninsert into effect values (1 / 0)";
    const file = `insert into effect values ('a')${rest}`;
    await folder.write([table, file]);
    await run();
    await folder.write([table, `insert into effect values ('b')${rest}`]);
    const refused = await run();
    expect(refused).toMatchObject({ status: "failed", error: { code: "migrate.step-changed" } });
    expect(refused.error?.message).toContain("0001_step.sql:1: statement 1 of 0001_step has run in an earlier run");
    await folder.write([table, file.replace("1 / 0", "'c'")]);
    expect(await run()).toMatchObject({ status: "applied" });
    expect(await rows("select tag from effect order by tag")).toEqual([{ tag: "a" }, { tag: "c" }]);
  });

  it("may be mended in the very statement that the server refused, though it runs outside a transaction", async () => {
    const { folder, run } = bench();
    await folder.write([table, "create index concurrently i on account (emial)"]);
    expect(await run()).toMatchObject({ status: "failed", error: { code: "migrate.failed", sqlState: "42703" } });
    await folder.write([table, "create index concurrently i on account (email)"]);
    expect(await run()).toMatchObject({ status: "applied" });
    expect(await validity("i")).toEqual([true]);
  });

  it("leaves no invalid index behind when the mended statement names another", async () => {
    const { folder, run } = bench();
    await folder.write([table, duplicates, "create unique index concurrently first_name on account (email)"]);
    expect(await run()).toMatchObject({ status: "failed", error: { sqlState: "23505" } });
    await folder.write([table, duplicates, "create index concurrently other_name on account (email)"]);
    expect(await run()).toMatchObject({ status: "applied" });
    expect(await validity("first_name")).toEqual([]);
    expect(await validity("other_name")).toEqual([true]);
  });

  it.each(["", "if not exists "])(
    "builds a unique index %sonce the duplicates are gone, and then refuses more",
    async (ifNot) => {
      const { folder, run, client } = bench();
      await folder.write([table, duplicates, `create unique index concurrently ${ifNot}i on account (email)`]);
      expect(await run()).toMatchObject({ status: "failed", error: { sqlState: "23505" } });
      await client.query("delete from account; insert into account values ('a')");
      expect(await run()).toMatchObject({ status: "applied" });
      expect(await validity("i")).toEqual([true]);
      await expect(client.query("insert into account values ('a')")).rejects.toMatchObject({ code: "23505" });
    },
  );

  it("rebuilds an index that somebody else's failed build left, also with IF NOT EXISTS", async () => {
    const { folder, run, client } = bench();
    await folder.write([table, duplicates]);
    await run();
    const build = "create unique index concurrently if not exists i on account (email)";
    await expect(client.query(build)).rejects.toMatchObject({ code: "23505" });
    expect(await validity("i")).toEqual([false]);
    await client.query("delete from account");
    await folder.write([table, duplicates, build]);
    expect(await run()).toMatchObject({ status: "applied" });
    expect(await validity("i")).toEqual([true]);
  });
});

describe("a migration that sets its role between steps", () => {
  it("is recorded by the run's own role, which alone may write the ledger", async () => {
    const { folder, run, client, database, stack } = bench();
    const role = `owner_${database.name}`;
    stack.defer(async () => void (await client.query(`drop owned by ${role}; drop role ${role}`)));
    await client.query(`create role ${role}; grant create on schema public to ${role}`);
    const text = [
      `set role ${role}`,
      "create table owned (id int)",
      "create index concurrently owned_idx on owned (id)",
      "vacuum owned",
      "create table owned_too ()",
    ].join(";\n--> statement-breakpoint\n");
    await folder.write([text, passGate(1)]);
    expect(await run()).toMatchObject({ status: "applied", applied: ["0000_step", "0001_step"] });
    const owners = await client.query("select distinct tableowner from pg_tables where tablename like 'owned%'");
    expect(owners.rows).toEqual([{ tableowner: role }]);
  });
});
