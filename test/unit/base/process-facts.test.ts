import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { isRunning, killQuietly, readProcessFacts } from "#lib/base/process-facts.ts";

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

test("a signal reaches a process that is there; one that is gone is no error", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  const ended = once(child, "exit");
  const pid = child.pid ?? 0;
  killQuietly(pid, "SIGTERM");
  expect(await ended).toEqual([null, "SIGTERM"]);
  expect(() => killQuietly(pid, "SIGTERM")).not.toThrow();
});
