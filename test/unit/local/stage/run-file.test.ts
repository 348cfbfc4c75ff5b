import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readProcessFacts } from "#lib/base/process-facts.ts";
import { lockStage, refuseRunningStage } from "#lib/local/stage/run-file.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "postern-run-file-"));
});
afterEach(async () => rm(dataDir, { recursive: true, force: true }));

const addresses = { database: "127.0.0.1:1", aws: "http://127.0.0.1:2", health: "http://127.0.0.1:3" };

test("while one process holds the folder, others are told which and where", async () => {
  await using lock = await lockStage(dataDir);
  await expect(lockStage(dataDir)).rejects.toMatchObject({
    code: "stage.running",
    message: expect.stringContaining("still starting"),
  });
  await lock.publish(addresses);
  await expect(refuseRunningStage(dataDir)).rejects.toMatchObject({
    code: "stage.running",
    message: expect.stringMatching(new RegExp(`process ${process.pid}.*:3.*:1.*:2`, "u")),
  });
});

test("the file is private and goes with the lock, which can be had again", async () => {
  const lock = await lockStage(dataDir);
  expect((await stat(join(dataDir, "run.json"))).mode & 0o777).toBe(0o600);
  await lock[Symbol.asyncDispose]();
  expect(await readdir(dataDir)).toEqual([]);
  await using _again = await lockStage(dataDir);
});

test.each([
  { what: "a process that is gone", content: { pid: 2 ** 22 + 1, startedAt: "then" } },
  { what: "another process that got the same number since", content: { pid: process.pid, startedAt: "long ago" } },
])("a file of $what holds nothing", async ({ content }) => {
  await writeFile(join(dataDir, "run.json"), JSON.stringify(content));
  await refuseRunningStage(dataDir);
  await using _lock = await lockStage(dataDir);
  expect(JSON.parse(await readFile(join(dataDir, "run.json"), "utf8"))).toMatchObject({
    pid: process.pid,
    startedAt: (await readProcessFacts(process.pid))?.startedAt,
  });
});

test.each(["", "{", "[]", '{"pid":-1,"startedAt":""}'])("a file with the content %j holds nothing", async (text) => {
  await writeFile(join(dataDir, "run.json"), text);
  await using _lock = await lockStage(dataDir);
  expect(await readdir(dataDir)).toEqual(["run.json"]);
});

test("of many who find a stale file at once, one wins", async () => {
  await writeFile(join(dataDir, "run.json"), JSON.stringify({ pid: 2 ** 22 + 1, startedAt: "then" }));
  const attempts = await Promise.allSettled(Array.from({ length: 20 }, async () => lockStage(dataDir)));
  const locks = attempts.filter((attempt) => attempt.status === "fulfilled");
  expect(locks).toHaveLength(1);
  expect(await readdir(dataDir)).toEqual(["run.json"]);
  await locks[0]?.value[Symbol.asyncDispose]();
});

test("a guard that a killed process left behind is in nobody's way", async () => {
  const stale = JSON.stringify({ pid: 2 ** 22 + 1, startedAt: "then" });
  await writeFile(join(dataDir, "run.json"), stale);
  const guard = `run.json.${createHash("sha256").update(stale).digest("hex").slice(0, 16)}`;
  await writeFile(join(dataDir, guard), stale);
  await using _lock = await lockStage(dataDir);
  expect(await readdir(dataDir)).toEqual(["run.json"]);
});

test("a lock that someone removed by hand is not taken from its next holder", async () => {
  const first = await lockStage(dataDir);
  const others = JSON.stringify({ pid: process.ppid, startedAt: "theirs" });
  await writeFile(join(dataDir, "run.json"), others);
  await first[Symbol.asyncDispose]();
  expect(await readFile(join(dataDir, "run.json"), "utf8")).toBe(others);
});
