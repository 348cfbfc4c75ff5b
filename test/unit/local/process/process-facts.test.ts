import { expect, test } from "vitest";
import { isRunning, readProcessFacts } from "#lib/local/process/process-facts.ts";

test("a process is known by its number together with its start", async () => {
  const facts = await readProcessFacts(process.pid);
  expect(facts).toMatchObject({ pid: process.pid, parentPid: process.ppid, isZombie: false });
  expect(facts?.command).toContain("node");
  expect(await isRunning(process.pid, facts?.startedAt ?? "")).toBe(true);
  expect(await isRunning(process.pid, "another start")).toBe(false);
});

test("a number that names no process has no facts", async () => {
  expect(await readProcessFacts(2 ** 22 + 1)).toBeUndefined();
});
