import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { repositoryRoot, runCommand } from "../../support/command-line.ts";
import { hasEnded } from "../../support/process-tree.ts";
import { answersAt, startTunnelBench, type TunnelBench } from "../../support/tunnel-bench.ts";

let bench: TunnelBench;
beforeAll(async () => {
  bench = await startTunnelBench();
});
afterAll(async () => await bench[Symbol.asyncDispose]());

const npm = async (...args: readonly string[]) => {
  const env = { ...process.env, AWS_EC2_METADATA_DISABLED: "true", ...bench.env };
  return await promisify(execFile)("npm", ["run", "-s", ...args], { cwd: repositoryRoot, env });
};

test("a tunnel that `npm run` detached outlives npm, which ends the processes of others", async () => {
  const { stdout } = await npm("ssm-tunnel", "--", "--detach", "--json");
  const { pid, port } = JSON.parse(stdout) as { pid: number; port: number };
  // npm is gone; a process that followed it would notice within half a second.
  const deadlineMs = performance.now() + 1_500;
  while (performance.now() < deadlineMs) expect(await answersAt(port)).toBe(true);
  expect(await hasEnded({ pid })).toBe(false);
  expect((await runCommand(["ssm-tunnel", "stop"], bench)).exitCode).toBe(0);
});

test("`npm run psql` hands on what stands behind the second --", async () => {
  const { stdout } = await npm("psql", "--", "--command", "select 1 as one", "--", "--csv", "-X");
  expect(stdout).toBe("one\n1\n");
});
