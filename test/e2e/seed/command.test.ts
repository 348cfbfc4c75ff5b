import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCommand, startCommand } from "../../support/command-line.ts";
import { openSeedPlayground, type SeedPlayground } from "../../support/seed-set.ts";
import { waitFor } from "../../support/wait-for.ts";

let play: SeedPlayground;
beforeEach(async () => {
  play = await openSeedPlayground();
  await play.client.query("create table t (id int primary key, name text not null)");
});
afterEach(async () => play[Symbol.asyncDispose]());

async function seedCommand(env: Readonly<Record<string, string>> = {}) {
  const args = ["seed", "--url", play.database.url(), "--dir", play.dir, "--set", "s", "--json"];
  return await runCommand(args, { env });
}

describe("a seed module", () => {
  it("that writes to standard output leaves the command's own alone", async () => {
    const noise = `console.log("loading"); process.stdout.write("more");`;
    const rows = `*rows() { console.log("working"); yield [1, "a"]; }`;
    await play.write({ "1-t.mjs": `${noise} export const seed = { table: "t", columns: ["id", "name"], ${rows} };` });
    const { exitCode, json, stderr } = await seedCommand();
    expect(exitCode).toBe(0);
    expect(json()).toMatchObject({ tables: [{ table: "t", inserted: 1 }] });
    expect(stderr).toMatch(/loading\nmore[^]*working\n/);
  });

  it("sees the time zone, and no key, password or address of the environment", async () => {
    const secrets = ["AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "POSTERN_SECRET"];
    const seen = `${JSON.stringify([...secrets, "TZ"])}.filter((name) => name in process.env).join()`;
    const rows = `*rows() { yield [1, ${seen}]; }`;
    await play.write({ "1-t.mjs": `export const seed = { table: "t", columns: ["id", "name"], ${rows} };` });
    const env = Object.fromEntries(secrets.map((name) => [name, "a secret"]));
    expect((await seedCommand({ ...env, TZ: "UTC" })).exitCode).toBe(0);
    expect(await play.all("select name from t")).toEqual([{ name: "TZ" }]);
  });

  it("that ends the process makes it fail, and the command says why", async () => {
    const rows = `*rows() { yield [1, "a"]; process.exit(0); }`;
    await play.write({ "1-t.mjs": `export const seed = { table: "t", columns: ["id", "name"], ${rows} };` });
    const { exitCode, json } = await seedCommand();
    expect(exitCode).toBe(2);
    expect(json()).toMatchObject({ error: { code: "seed.failed", message: expect.stringContaining("process.exit") } });
  });
});

async function seedWith(...args: string[]) {
  return await runCommand(["seed", "--url", play.database.url(), "--dir", play.dir, "--json", ...args]);
}

describe("a seed with an id", () => {
  it("has one outcome, and is not begun again", async () => {
    await play.write({ "1-t.csv": "id,name\n1,a\n" });
    const first = await seedWith("--set", "s", "--run-id", "a-seed-of-mine");
    expect(first.json()).toMatchObject({ tables: [{ inserted: 1 }] });
    await play.client.query("delete from t");
    expect((await seedWith("--set", "s", "--run-id", "a-seed-of-mine")).json()).toEqual(first.json());
    expect(await play.all("select from t")).toEqual([]);
  });

  it("that another process runs is watched, and a signal leaves it alone; --cancel ends it", async () => {
    await play.write({ "1-x.sql": "select pg_sleep(62.5)" });
    const working = seedWith("--set", "s", "--run-id", "a-seed-of-mine");
    const isBusy =
      "select from pg_stat_activity where state = 'active' and query like '%pg_sleep(62.5)%' and pid <> $1";
    const { rows } = await play.client.query<{ pid: number }>("select pg_backend_pid() as pid");
    await waitFor("it is under way", async () => (await play.client.query(isBusy, [rows[0]?.pid])).rows.length > 0);
    const args = ["seed", "--url", play.database.url(), "--dir", play.dir, "--json", "--set", "s"];
    const watching = startCommand([...args, "--run-id", "a-seed-of-mine"]);
    const closed = once(watching, "close");
    let stderr = "";
    watching.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    watching.stdout.resume();
    await waitFor("it watches", () => stderr.includes("watching run a-seed-of-mine"));
    watching.kill("SIGINT");
    expect(await closed).toEqual([130, null]);
    expect(stderr).toContain("the run goes on: watch it again with --run-id a-seed-of-mine");
    const cancelled = await seedWith("--cancel", "a-seed-of-mine");
    expect(cancelled.json()).toEqual({ runId: "a-seed-of-mine", cancelled: true });
    expect((await working).json()).toMatchObject({ error: { code: "run.cancelled" } });
  });

  it.each([
    ["no id", ["--set", "s", "--run-id", "x"], "usage.invalid", /^--run-id x: expected a run id/],
    ["a cancel of none", ["--cancel", "x"], "usage.invalid", /^--cancel x: expected a run id/],
    ["a cancel of a run that is not there", ["--cancel", "no-such-run"], "run.unknown", /is not known here/],
    ["no set", ["--run-id", "a-seed-of-mine"], "usage.invalid", /--set/],
  ])("is refused: %s", async (_, args, code, message) => {
    expect((await seedWith(...args)).json()).toMatchObject({
      error: { code, message: expect.stringMatching(message) },
    });
  });
});

describe("a file larger than memory", () => {
  /** 236 MiB: four times the heap that the process is given, and more than all that it may hold. */
  const rowCount = 1_000_000;
  const maxRssMiB = 230;

  it("is read in pieces", { timeout: 120_000 }, async () => {
    const file = createWriteStream(join(play.seedsDir, "s", "1-t.csv"));
    file.write("id,name\n");
    const filling = "x".repeat(240);
    for (let id = 1; id <= rowCount; id += 1000) {
      const lines = Array.from({ length: 1000 }, (_, index) => `${id + index},${filling}\n`);
      if (!file.write(lines.join(""))) await once(file, "drain");
    }
    file.end();
    await once(file, "close");
    const report = `process.on("exit", () => console.error("peak " + Math.round(process.resourceUsage().maxRSS / 1024)));`;
    await play.write({ "../report.mjs": report });
    const preload = `--import=${join(play.seedsDir, "report.mjs")}`;
    const { json, stderr } = await seedCommand({ NODE_OPTIONS: `--max-old-space-size=64 ${preload}` });
    expect(json()).toMatchObject({ tables: [{ rows: rowCount, inserted: rowCount }] });
    expect(stderr).toMatch(/^s\/1-t\.csv: \d+ rows, \d+ new, [\d.]+ of 236\.\d MiB, \d+ rows\/s$/m);
    expect(Number(/^peak (\d+)$/m.exec(stderr)?.[1])).toBeLessThan(maxRssMiB);
  });
});
