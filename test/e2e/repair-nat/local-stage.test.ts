import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { removePostgresData } from "#lib/local/postgres/home.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import type { RepairNatResult } from "#lib/repair-nat/result.ts";
import { repositoryRoot, runCommand } from "../../support/command-line.ts";
import { startProgram } from "../../support/program.ts";
import { makeDataFolder } from "../../support/run-folder.ts";

const stack = new AsyncDisposableStack();
let dataDir: string;
beforeAll(async () => {
  const folder = stack.adopt(await makeDataFolder(), async (path) => {
    await removePostgresData(join(path, "local", "postgres"));
    await rm(path, { recursive: true, force: true });
  });
  dataDir = join(folder, "local");
  const ports = ["--port", "0", "--aws-port", "0", "--health-port", "0"];
  const cli = join(repositoryRoot, "scripts", "cli.ts");
  const stage = startProgram(cli, ["local", "--json", "--data", dataDir, ...ports], { cwd: repositoryRoot });
  stack.defer(async () => void (await stage.end("SIGTERM")));
  await stage.nextDocument();
});
afterAll(() => stack.disposeAsync());
afterEach(async () => {
  await runCommand(["local", "--mend", "--data", dataDir]);
});

async function breakStage(...names: readonly string[]): Promise<void> {
  for (const name of names) await runCommand(["local", "--break", name, "--data", dataDir]);
}

async function repair(...flags: readonly string[]) {
  const { exitCode, json } = await runCommand([
    "repair-nat",
    "--stage",
    "local",
    "--data",
    dataDir,
    "--json",
    ...flags,
  ]);
  return { exitCode, ...(json() as RepairNatResult) };
}

async function verdict(): Promise<string> {
  const { json } = await runCommand(["doctor", "--stage", "local", "--data", dataDir, "--json"]);
  return (json() as DoctorReport).verdict.code;
}

test.each([
  [["bastion-address"], "aws.bastion-address-stale", ["associate-address"]],
  [["bastion-stopped"], "aws.bastion-stopped", ["start-instance"]],
  [["nat-route"], "aws.route", ["create-route", "create-route"]],
  [["nat-route-stale"], "aws.route", ["replace-route", "replace-route"]],
  [["source-dest-check"], "aws.route", ["turn-off-source-dest-check"]],
  [["agent-offline"], "aws.agent-offline", ["reboot-instance"]],
  [
    ["bastion-address", "bastion-stopped", "source-dest-check", "nat-route"],
    "aws.bastion-stopped",
    ["start-instance", "associate-address", "turn-off-source-dest-check", "create-route", "create-route"],
  ],
] as const)(
  "broken by %j the doctor says so, repair-nat shows its plan, does it, and walks through the tunnel; the doctor is content",
  async (breaks, code, kinds) => {
    await breakStage(...breaks);
    expect(await verdict()).toBe(code);
    const shown = await repair();
    expect(shown.exitCode).toBe(1);
    expect(shown.plan.map(({ kind }) => kind)).toEqual(kinds);
    const done = await repair("--yes");
    expect(done).toMatchObject({
      exitCode: 0,
      plan: shown.plan,
      verified: { ok: true, plan: [], unmended: [], tunnel: { code: "ok" } },
    });
    expect(await verdict()).toBe("ok");
    expect(await repair("--yes")).toMatchObject({ exitCode: 0, plan: [], applied: [] });
  },
);

test("an instance that is gone is for a deploy, and said so", async () => {
  await breakStage("bastion-terminated");
  const result = await repair("--yes");
  expect(result).toMatchObject({ exitCode: 1, plan: [], applied: [] });
  expect(result.unmended).toMatchObject([{ fix: expect.stringContaining("npx sst deploy --stage local") }]);
});

test("what else is broken is said with the fix of its own, not with what the walk makes of it", async () => {
  await breakStage("database-stopped", "nat-route");
  const { exitCode, applied, verified } = await repair("--yes");
  expect(exitCode).toBe(1);
  expect(applied.map(({ kind }) => kind)).toEqual(["create-route", "create-route"]);
  const [stopped] = verified?.aws ?? [];
  expect(stopped).toMatchObject({ code: "aws.database-unavailable", fix: expect.stringMatching(/database|instance/u) });
  expect(verified?.tunnel).toMatchObject({ code: expect.stringMatching(/^ssm\./u), fix: stopped?.fix });
});

test("who may ask nothing of EC2 is told which permission is missing", async () => {
  await breakStage("bastion-address", "permission-ec2");
  const { exitCode, error } = await repair("--yes");
  expect(exitCode).toBe(2);
  expect(error).toMatchObject({ code: "aws.permission", message: expect.stringContaining("ec2:Describe") });
});
