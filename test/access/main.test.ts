import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { contextKey } from "../../infra/access/settings.ts";
import { settings } from "./settings.ts";

const folder = path.join(import.meta.dirname, "../../infra/access");
const cdk = path.join(import.meta.dirname, "../../node_modules/aws-cdk/bin/cdk");
const refusal = `The context value ${contextKey} (infra/access/cdk.json) is refused; nothing was made:`;

let outdir: string;
beforeEach(() => {
  outdir = mkdtempSync(path.join(tmpdir(), "postern-access-"));
});
afterEach(() => {
  rmSync(outdir, { recursive: true });
});

type Ended = { readonly code: unknown; readonly stderr: string; readonly files: readonly string[] };

async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const quiet = { CDK_DISABLE_CLI_TELEMETRY: "1", CDK_DISABLE_VERSION_CHECK: "1" };
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { ...process.env, ...quiet, ...env } };
    execFile(process.execPath, args, options, (error, _stdout, stderr) => {
      const files = readdirSync(outdir, { recursive: true }).map(String);
      resolve({ code: error === null ? 0 : error.code, stderr, files });
    });
  });
}

/** As the CDK's command line starts it. */
async function runMain(given: unknown): Promise<Ended> {
  return run(["main.ts"], { CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify({ [contextKey]: given }) });
}

describe("the app as a process", () => {
  it("writes what CloudFormation gets", async () => {
    const { code, files } = await runMain(settings);
    expect(code).toBe(0);
    expect(files).toContain("postern-access-production.template.json");
  });

  it("says of settings that it refuses what is wrong and nothing else, and writes nothing", async () => {
    expect(await runMain("{ accounts: [] }")).toStrictEqual({
      code: 1,
      stderr: `${refusal}\n  - expected JSON (seen: "{ accounts: [] }")\n`,
      files: [],
    });
  });

  it("says as little of a policy that IAM would not take", async () => {
    const [development] = settings.accounts;
    const deploys = ["eu", "us", "ap", "reports", "tools", "demo"].map((name) => `customers-${name}`);
    const stages = Object.fromEntries(deploys.map((name) => [name, { protected: false }]));
    const accounts = [{ ...development, stages, environments: { many: { deploys } } }];
    const { code, stderr, files } = await runMain({ ...settings, accounts });
    expect({ code, files }).toEqual({ code: 1, files: [] });
    expect(stderr).toMatch(/^The policy .* makes it shorter\.\n$/);
  });

  it("does so below the CDK's command line, which adds a line of its own", async () => {
    const args = ["synth", "--quiet", "--output", outdir, "-c", `${contextKey}={}`];
    const { code, stderr, files } = await run([cdk, ...args]);
    expect({ code, files }).toEqual({ code: 1, files: [] });
    expect(stderr.trim().split("\n")).toEqual([
      refusal,
      "  - repository is missing; expected an object with owner, ownerId, name, id",
      "  - accounts is missing; expected a list of accounts",
      "node main.ts: Subprocess exited with error 1",
    ]);
  });
});
