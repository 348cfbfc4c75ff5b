import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type HistoryCode, historyOverrides } from "#lib/contract.ts";
import type { MigrateResult, PlanResult } from "#lib/protocol.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import { runCommand } from "../../support/command-line.ts";
import { makeMigrationFolder, type TestFolder } from "../../support/migration-folder.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let watcher: Connection;
let folder: TestFolder;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  watcher = stack.use(await connect(database.address, { applicationName: "watcher" }));
  folder = stack.use(await makeMigrationFolder());
});
afterEach(async () => stack.disposeAsync());

const table = (name: string) => `create table ${name} ()`;
const postern = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runCommand([...args, "--url", database.url(), "--dir", folder.dir, "--json"], { env });
const migrate = async (...flags: string[]) => (await postern(["migrate", ...flags])).json() as MigrateResult;
const history = async () => (await watcher.client.query("select * from drizzle.__drizzle_migrations order by id")).rows;
const tables = async () => {
  const { rows } = await watcher.client.query<{ name: string }>(
    "select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1",
  );
  return rows.map(({ name }) => name);
};

/** Each leaves two migrations applied and one contradiction, and one more migration to apply. */
const situations: Readonly<Record<HistoryCode, () => Promise<void>>> = {
  "history.edited": async () => {
    await folder.write([table("a"), table("edited"), table("c")]);
  },
  "history.missing-file": async () => {
    await watcher.client.query("insert into drizzle.__drizzle_migrations (hash, created_at) values ('gone', 5)");
    await folder.write([table("a"), table("b"), table("c")]);
  },
  "history.out-of-order": async () => {
    await watcher.client.query("update drizzle.__drizzle_migrations set created_at = created_at + 60000 where id = 2");
    await folder.write([table("a"), table("b"), table("c")]);
  },
  "history.database-ahead": async () => {
    await folder.write([table("a"), table("b"), table("c")]);
    // Newer than the whole folder, so that what is pending comes after newer ones as well.
    await watcher.client.query(
      "insert into drizzle.__drizzle_migrations (hash, created_at) values ('newer', 1900000000000)",
    );
  },
  "history.duplicate": async () => {
    await watcher.client.query(
      "insert into drizzle.__drizzle_migrations (hash, created_at) select hash, created_at from drizzle.__drizzle_migrations limit 1",
    );
    await folder.write([table("a"), table("b"), table("c")]);
  },
  "history.half-applied": async () => {
    await watcher.client.query(
      `insert into postern.migration_steps (tag, step, checksum, state, run_id)
       select '0002_old-name', 1, 'sum', 'done', run_id from postern.runs limit 1`,
    );
    await folder.write([table("a"), table("b"), table("c")]);
  },
  "history.unlisted-file": async () => {
    await folder.write([table("a"), table("b"), table("c")]);
    await writeFile(join(folder.dir, "0099_lost.sql"), table("lost"));
  },
};

describe.each(Object.keys(historyOverrides) as HistoryCode[])("%s", (code) => {
  const flags =
    code === "history.database-ahead"
      ? [`--${historyOverrides[code]}`, "--allow-out-of-order"]
      : [`--${historyOverrides[code]}`];
  const others = Object.values(historyOverrides)
    .map((flag) => `--${flag}`)
    .filter((flag) => flag !== flags[0]);

  it("is refused with its code whatever else is allowed, and let be with its flag: nothing but the pending one changes", async () => {
    await folder.write([table("a"), table("b")]);
    await migrate();
    await situations[code]();
    const before = await history();
    expect(await migrate(...others)).toMatchObject({
      status: "refused",
      error: { code, hint: expect.stringContaining(flags[0] ?? "") },
    });
    expect(await history()).toEqual(before);

    const plan = await postern(["plan"]);
    const allowed = await postern(["plan", ...flags]);
    expect([plan.exitCode, allowed.exitCode]).toEqual([1, 0]);
    const { planHash, pending } = allowed.json() as PlanResult;
    expect({ planHash, pending }).toEqual({
      planHash: (plan.json() as PlanResult).planHash,
      pending: (plan.json() as PlanResult).pending,
    });

    expect(await migrate("--approve", "0".repeat(64), ...flags)).toMatchObject({ error: { code: "plan.mismatch" } });
    expect(await migrate("--approve", planHash, ...flags)).toMatchObject({ status: "applied", applied: ["0002_step"] });
    expect(await tables()).toEqual(["a", "b", "c"]);
    expect((await history()).slice(0, before.length)).toEqual(before);
    expect(await history()).toHaveLength(before.length + 1);
    const { rows } = await watcher.client.query(
      "select overrides from postern.runs where outcome = 'applied' order by started_at",
    );
    const codes = Object.keys(historyOverrides).filter((one) =>
      flags.includes(`--${historyOverrides[one as HistoryCode]}`),
    );
    expect(rows).toEqual([{ overrides: null }, { overrides: codes.toSorted() }]);
  });
});

describe("the variables of the flags", () => {
  beforeEach(async () => {
    await folder.write([table("a"), table("b")]);
    await migrate();
    await folder.write([table("a"), table("edited")]);
  });

  it.each([
    ["1", 0],
    ["true", 0],
    ["0", 1],
    ["false", 1],
    ["", 1],
    ["maybe", 2],
  ])("%j ends with exit code %d", async (value, exitCode) => {
    expect((await postern(["migrate"], { POSTERN_ALLOW_EDITED: value })).exitCode).toBe(exitCode);
  });
});

it("status says which flag lets a finding be, and exits 1", async () => {
  await folder.write([table("a")]);
  await situations["history.unlisted-file"]();
  const { exitCode, stdout } = await runCommand(["status", "--url", database.url(), "--dir", folder.dir]);
  expect(exitCode).toBe(1);
  expect(stdout).toContain("0099_lost.sql is in the folder");
  expect(stdout).toContain("--allow-unlisted");
});
