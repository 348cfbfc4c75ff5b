import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCommand } from "../../support/command-line.ts";
import { openSeedPlayground, type SeedPlayground } from "../../support/seed-set.ts";

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
