import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { readWorkflow } from "./workflow-files.ts";

const { jobs } = readWorkflow("preview-sweep.yml");
const script = jobs["find"]?.steps?.at(-1)?.run ?? "";

/** In the place of GitHub's command line: what became of pull requests, and its ways to say nothing of one. */
const gh = `#!/bin/sh
case "$3" in
  3) echo "GraphQL: Could not resolve to a PullRequest with the number of 3. (repository.pullRequest)" >&2; exit 1 ;;
  4) echo "GraphQL: Resource not accessible by integration (repository.pullRequest)" >&2; exit 1 ;;
  5) echo "GraphQL: Could not resolve to a Repository with the name 'some/where'. (repository)" >&2; exit 1 ;;
  6) exit 4 ;;
  7) echo OPEN ;;
  8) echo CLOSED ;;
  12) echo MERGED ;;
  *) echo "HTTP 503" >&2; exit 1 ;;
esac
`;

/** The step as GitHub runs it, with the stages that AWS names. */
function find(stages: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "postern-sweep-"));
  try {
    const programs = { gh, aws: `#!/bin/sh\nprintf '${stages.join(String.raw`\t`)}\\n'\n` };
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(join(folder, name), text);
      chmodSync(join(folder, name), 0o755);
    }
    const env = { PATH: `${folder}:${process.env["PATH"]}`, GITHUB_OUTPUT: join(folder, "output") };
    const { status, stdout, stderr } = spawnSync("bash", ["-eo", "pipefail", "-c", script], {
      cwd: folder,
      env,
      encoding: "utf8",
    });
    return { status, stdout, stderr, output: readFileSync(env.GITHUB_OUTPUT, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("stages of pull requests that are closed are found, each once, and no others", () => {
  const { status, output } = find(["dev", "pr-12", "pr-7", "pr-8", "pr-12", "pr-x", "pr-8-eu"]);
  expect({ status, output }).toEqual({ status: 0, output: "closed=[8,12]\n" });
});

test("a number without a pull request is left, and keeps nothing else", () => {
  const { status, stdout, output } = find(["pr-3", "pr-8", "pr-012"]);
  expect({ status, output }).toEqual({ status: 0, output: "closed=[8]\n" });
  expect(stdout).toMatch(/^::warning::pr-3 is left as it is/);
});

test("where GitHub did not say what became of a pull request, the rest is found, and the job fails", () => {
  const { status, stdout, stderr, output } = find(["pr-3", "pr-4", "pr-5", "pr-6", "pr-8", "pr-9", "pr-12"]);
  expect({ status, output }).toEqual({ status: 1, output: "closed=[8,12]\n" });
  expect(stdout).toMatch(/^::error::pr-4 pr-5 pr-6 pr-9 are left as they are/m);
  expect(stderr).toMatch(/not accessible by integration[^]*HTTP 503/);
});

test("what was found is removed also where the job that looked has failed, unless it found nothing", () => {
  const [status, ...conditions] = jobs["remove"]?.if?.replace(/^\$\{\{ (.*) \}\}$/, "$1").split(" && ") ?? [];
  expect(status).toBe("!cancelled()");
  const found = "needs.find.outputs.closed";
  expect(conditions).toEqual([`${found} != ''`, `${found} != '[]'`]);
});

test("no stage at all is an empty list", () => {
  expect(find([]).output).toBe("closed=[]\n");
});
