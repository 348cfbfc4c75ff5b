import { describe, expect, it } from "vitest";
import { connect } from "#lib/postgres/connect.ts";
import type { MigrateProgress } from "#lib/migrate/migrate.ts";
import { useMigrateBench } from "../../support/migrate-bench.ts";

const bench = useMigrateBench();
/** Too large for the parser. */
const padding = `-- ${"x".repeat(4 * 1024 * 1024 + 100)}\n`;

/** Runs what wants a lock that somebody has until it was missed twice. */
async function runBehindReader(text: string) {
  const reader = bench().stack.use(await connect(bench().database.address, { applicationName: "reader" }));
  await bench().run({ folder: await bench().folder.write(["create table account (id int); create sequence s"]) });
  await reader.client.query("begin; select from account");
  const seen: MigrateProgress[] = [];
  const onProgress = (progress: MigrateProgress) => {
    seen.push(progress);
    if (progress.step === "blocked" && progress.attempt === 2) void reader.client.query("commit");
  };
  await bench().folder.write(["create table account (id int); create sequence s", text]);
  const result = await bench().run({ lockTimeoutMs: 50, lockAttempts: 5, onProgress });
  return { result, tries: seen.filter(({ step }) => step === "blocked").length };
}

describe("a migration that does not get its lock is tried again", () => {
  it.each([
    ["where it is too large to be parsed", `${padding}create table once (); alter table account add column a int`],
    ["where it sets a sequence", "select setval('s', 5); alter table account add column a int"],
  ])("%s", async (_, text) => {
    const { result, tries } = await runBehindReader(text);
    expect(result).toMatchObject({ status: "applied", applied: ["0001_step"] });
    expect(tries).toBe(2);
  });

  it.each([
    ["that was committed before it", "insert into account values (1); commit; begin;", "migrations.own-transaction"],
    [
      "of what reaches outside",
      "do $$ begin if false then perform dblink_exec(''); end if; end $$;",
      "migrate.blocked",
    ],
  ])("but not a large one: nothing twice %s", async (_, before, code) => {
    const { result, tries } = await runBehindReader(`${padding}${before} alter table account add column a int`);
    expect(result).toMatchObject({ status: "failed", applied: [], error: { code } });
    expect(tries).toBe(0);
  });
});

it("a large migration that commits, begins anew and fails says that something was kept", async () => {
  await bench().folder.write([`${padding}create table kept (); commit; begin; select 1 / 0`]);
  expect(await bench().run()).toMatchObject({ status: "failed", error: { code: "migrations.own-transaction" } });
  expect(await bench().rows("select from pg_tables where tablename = 'kept'")).toHaveLength(1);
});
