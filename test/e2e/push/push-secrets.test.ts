import { expect, test } from "vitest";
import { notShown } from "#lib/migrate/sql/passwords.ts";
import { runCommand } from "../../support/command-line.ts";
import { usePushBench } from "../../support/push-bench.ts";

const bench = usePushBench();
const secret = "hunter2hunter2";
const table = (columns: string) => `export const t = pg.pgTable("t", { id: pg.integer("id"), ${columns} });`;
const withSecret = table(`token: pg.text("api_token").default("${secret}")`);

async function run(...args: readonly string[]) {
  return await runCommand(["push", "--dir", bench.folder.dir, ...args], { env: { POSTERN_URL: bench.database.url() } });
}

async function ledger(): Promise<string> {
  return JSON.stringify(await bench.query("select * from postern.runs"));
}

test("a statement that may hold a secret is pushed and not shown: on the terminal, as JSON, in the ledger", async () => {
  await bench.folder.write(withSecret);
  const planned = await run("--dry-run", "--json");
  const pushed = await run();
  expect(
    await bench.query("select column_default from information_schema.columns where column_name = 'api_token'"),
  ).toEqual([{ column_default: `'${secret}'::text` }]);
  expect(planned.json()).toMatchObject({ status: "planned", statements: [{ sql: notShown }] });
  expect(pushed.stdout).toContain(`+ ${notShown}`);
  for (const text of [planned.stdout, planned.stderr, pushed.stdout, pushed.stderr, await ledger()]) {
    expect(text).not.toContain(secret);
  }
});

test("nor in an error, where the server itself quotes the value", async () => {
  await bench.push(table('token: pg.integer("api_token")'));
  const result = await bench.push(table(`token: pg.integer("api_token").default(sql\`'${secret}'\`)`), {
    acceptDataLoss: true,
  });
  expect(result).toMatchObject({ status: "failed", error: { code: "push.failed" } });
  expect(result.error?.message).toContain(notShown);
  expect(JSON.stringify(result) + (await ledger())).not.toContain(secret);
});

test("nor among what would be lost, nor among what drizzle-kit repeats", async () => {
  const repeating = table(`token: pg.timestamp("token").default(sql\`now() + '1 day'\`)`);
  await bench.push(repeating);
  const again = await bench.push(repeating);
  expect(again).toMatchObject({ status: "up-to-date", reemitted: [notShown] });
  await bench.push(withSecret, {}, [{ column: "public.t.token", to: "api_token" }]);
  const losing = `export const t = pg.pgTable("t", { id: pg.integer("id") });`;
  await bench.query(`alter table t add column "password" text`);
  const refused = await bench.push(losing);
  expect(refused).toMatchObject({ status: "refused", error: { code: "push.data-loss" } });
  expect(refused.error?.message).toContain(notShown);
  expect(JSON.stringify(refused)).not.toContain('DROP COLUMN "password"');
});

test("a value of a row is in no error", async () => {
  await bench.push(table('a: pg.text("a")'));
  await bench.query(`insert into t values (1, 'Ada Lovelace')`);
  const enumerated = `export const mood = pg.pgEnum("mood", ["ok"]); ${table('a: mood("a")')}`;
  const result = await bench.push(enumerated, { acceptDataLoss: true });
  expect(result).toMatchObject({ status: "failed", error: { code: "push.failed", sqlState: "22P02" } });
  expect(JSON.stringify(result)).not.toContain("Ada Lovelace");
});
