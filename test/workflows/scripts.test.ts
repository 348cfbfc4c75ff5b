import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, test } from "vitest";
import { findProgram, noticeMissingPrograms } from "../support/debian.ts";
import { ownActions, readWorkflow, stepsOf, workflowNames } from "./workflow-files.ts";

const root = join(import.meta.dirname, "../..");
const packageFile = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly devEngines: { readonly packageManager: { readonly version: string } };
};
const scripts = [
  ...workflowNames.flatMap((name) => stepsOf(readWorkflow(name)).map(({ run }) => [name, run] as const)),
  ...[...ownActions].flatMap(([name, { steps }]) => steps.map(({ run }) => [name, run] as const)),
].flatMap(([name, run]) => (run === undefined ? [] : [{ name, run }]));

/** Each `npm run <script> -- <flags>` and `npm test` in a script. */
const npmCalls = scripts.flatMap(({ run }) =>
  [...run.matchAll(/\bnpm (?:run (?:--silent )?)?(?<script>[a-z][\w:-]*)(?: -- (?<flags>[^|>\n]*))?/g)]
    .map(({ groups }) => ({ script: groups?.["script"] ?? "", flags: groups?.["flags"] ?? "" }))
    .filter(({ script }) => !["ci", "install"].includes(script)),
);

test("every npm script that is called is there", () => {
  expect(npmCalls.length).toBeGreaterThan(8);
  expect(npmCalls.filter(({ script }) => packageFile.scripts[script] === undefined)).toEqual([]);
});

describe("postern knows the flags that it is called with", () => {
  const verbs = Map.groupBy(npmCalls.filter(isVerb), ({ script }) => script);

  test.each([...verbs])("%s", (verb, calls) => {
    const { status, stdout } = spawnSync(process.execPath, ["scripts/cli.ts", verb, "--help"], {
      cwd: root,
      encoding: "utf8",
    });
    expect(status).toBe(0);
    const known = new Set(stdout.match(/^ {2,}--[\w-]+/gm)?.map((flag) => flag.trim()));
    const used = calls.flatMap(({ flags }) => flags.match(/--[\w-]+/g) ?? []);
    expect(used.filter((flag) => !known.has(flag))).toEqual([]);
    expect(used).toContain("--stage");
  });
});

test("what a script says to npm and to sst holds its variables in quotes", () => {
  const bare = scripts.flatMap(({ run }) => run.match(/(?<!["\w{=])\$(?:STAGE|PLAN_HASH|PLAN_FILE|NUMBER)\b/g) ?? []);
  expect(bare).toEqual([]);
});

// GitHub's machines have a Chromium of their own; Ubuntu has no package of that name but a snap's.
test("the Debian packages are those of .ci/run, but for the browser", () => {
  const ofCheck = /recommends \\\n(?<names>.*)/.exec(scripts.find(({ run }) => run.includes("apt-get"))?.run ?? "");
  const ofCi = /^packages=\((?<names>.*)\)$/m.exec(readFileSync(join(root, ".ci/run"), "utf8"));
  expect(names(ofCheck)).toEqual(names(ofCi).filter((name) => name !== "chromium"));
});

test("the npm that is installed is new enough for package.json", () => {
  const installed = scripts.flatMap(({ run }) => /npm@(?<version>[\d.]+)/.exec(run)?.groups?.["version"] ?? []);
  const wanted = /^>=(?<version>[\d.]+)$/.exec(packageFile.devEngines.packageManager.version)?.groups?.["version"];
  expect(installed).toHaveLength(1);
  expect(String(installed[0]).localeCompare(String(wanted), "en", { numeric: true })).toBeGreaterThanOrEqual(0);
});

const shellcheck = findProgram("shellcheck");
noticeMissingPrograms();

test.skipIf(shellcheck === undefined).each(scripts)("shellcheck has nothing to say of $run", ({ run }) => {
  const { stdout } = spawnSync(String(shellcheck), ["--shell=bash", "-"], {
    input: `set -eo pipefail\n${run}`,
    encoding: "utf8",
  });
  expect(stdout).toBe("");
});

function isVerb({ script }: { readonly script: string }): boolean {
  return packageFile.scripts[script]?.endsWith(`cli.ts ${script}`) ?? false;
}

function names(match: RegExpExecArray | null): string[] {
  return match?.groups?.["names"]?.trim().split(/\s+/) ?? [];
}
