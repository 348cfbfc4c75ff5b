import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { expect, test } from "vitest";
import { isRunning, readProcessFacts } from "#lib/base/process-facts.ts";
import type { TunnelRecord } from "#lib/tunnel/registry/record.ts";
import { stopTunnel } from "#lib/tunnel/registry/stop.ts";

const record: TunnelRecord = {
  pid: 1,
  startedAt: "",
  name: "dev",
  kind: "stage",
  transport: "direct",
  route: "db:5432",
  database: { host: "db", port: 5432 },
  isDetached: true,
  since: "",
  state: "up",
  stateSince: "",
  reconnects: 0,
};

/** A process group of its own, as a detached tunnel is. */
async function startProcess(program: string) {
  const child = spawn(process.execPath, ["-e", `${program}; console.log("ready"); setInterval(() => {}, 1000)`], {
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
  const exited = once(child, "exit");
  await once(child.stdout, "data");
  const pid = child.pid ?? 0;
  const startedAt = (await readProcessFacts(pid))?.startedAt ?? "";
  return { pid, startedAt, exited };
}

test("a tunnel is asked to end, and is gone when stop returns", async () => {
  const { exited, ...owner } = await startProcess("");
  expect(await stopTunnel({ ...record, ...owner })).toBe("stopped");
  expect(await isRunning(owner.pid, owner.startedAt)).toBe(false);
  expect(await exited).toEqual([null, "SIGTERM"]);
});

test("one that does not end in time is killed", async () => {
  const { exited, ...owner } = await startProcess('process.on("SIGTERM", () => {})');
  expect(await stopTunnel({ ...record, ...owner }, { graceMs: 50 })).toBe("killed");
  expect(await exited).toEqual([null, "SIGKILL"]);
});

test("a process that got the number of one which is gone is left alone", async () => {
  const program = 'process.on("SIGTERM", () => process.exit(1)); process.on("SIGWINCH", () => process.exit(2))';
  const { exited, ...owner } = await startProcess(program);
  expect(await stopTunnel({ ...record, ...owner, startedAt: "long ago" })).toBe("stopped");
  // Of two that wait Linux delivers the lower number first: one that was sent by mistake would win.
  process.kill(owner.pid, "SIGWINCH");
  expect(await exited).toEqual([2, null]);
});
