import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { removePostgresData } from "#lib/local/postgres/home.ts";
import { repositoryRoot } from "../support/command-line.ts";
import { descendantsOf, hasEnded } from "../support/process-tree.ts";
import { makeDataFolder } from "../support/run-folder.ts";
import { waitFor } from "../support/wait-for.ts";

/** As a process manager does it: npm knows nothing of a terminal, and the signal goes to npm alone. */
test.each(["SIGTERM", "SIGHUP", "SIGKILL"] as const)(
  "%s to npm ends all that `npm run local` started",
  async (signal) => {
    const folder = await makeDataFolder();
    const dataDir = join(folder, "local");
    onTestFinished(async () => {
      await removePostgresData(join(dataDir, "postgres"));
      await rm(folder, { recursive: true });
    });
    const ports = ["--port", "0", "--aws-port", "0", "--health-port", "0"];
    const npm = spawn("npm", ["run", "-s", "local", "--", "--json", "--data", dataDir, ...ports], {
      cwd: repositoryRoot,
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const exited = once(npm, "exit");
    await once(npm.stdout, "data");
    const started = await descendantsOf(npm.pid ?? 0);
    onTestFinished(async () => {
      for (const one of started) if (!(await hasEnded(one))) process.kill(one.pid, "SIGKILL");
    });
    expect(started.some(({ command }) => command.includes("postgres"))).toBe(true);
    process.kill(npm.pid ?? 0, signal);
    await exited;
    await waitFor("everything has ended", async () => (await Promise.all(started.map(hasEnded))).every(Boolean));
  },
);

describe("flags before --, which npm takes for itself", () => {
  const url = "postgres://me@127.0.0.1:1/app";
  test.each([
    ["push --dry-run", "--dry-run"],
    ["status --stage dev", "--stage"],
    ["setup --stage=dev --rotate=app", "--stage and --rotate"],
    ["ssm-tunnel stop --stage dev", "--stage"],
  ])("`npm run %s` is refused", async (line, flags) => {
    const { code, stderr } = await run(line.split(" "), { POSTERN_URL: url });
    expect(code).toBe(2);
    expect(stderr).toContain(`npm has kept ${flags} for itself`);
    expect(stderr).toContain(`npm run ${line.split(" ")[0]} -- --`);
  });

  test("those that npm has by its own settings are none of ours, and those after -- are not lost", async () => {
    const settings = {
      npm_config_ca: "x",
      npm_config_yes: "true",
      npm_config_json: "true",
      npm_config_dry_run: "true",
    };
    const { stderr } = await run(["push", "--", "--dry-run", "--url", url], settings);
    expect(stderr).toContain("[tcp.refused]");
  });
});

async function run(args: readonly string[], env: Readonly<Record<string, string>>) {
  const npm = spawn("npm", ["run", "-s", ...args], {
    cwd: repositoryRoot,
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [stderr, [code]] = await Promise.all([text(npm.stderr), once(npm, "exit")]);
  return { code, stderr };
}
