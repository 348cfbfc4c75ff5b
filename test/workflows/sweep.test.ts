import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { readWorkflow } from "./workflow-files.ts";

const script = readWorkflow("preview-sweep.yml").jobs["find"]?.steps?.at(-1)?.run ?? "";

/** In the place of GitHub's command line: what became of pull requests; of others it does not know. */
const gh = `#!/bin/sh
case "$3" in
  7) echo OPEN ;;
  8) echo CLOSED ;;
  12) echo MERGED ;;
  *) echo "no pull requests found" >&2; exit 1 ;;
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
    const { status, stdout } = spawnSync("bash", ["-eo", "pipefail", "-c", script], {
      cwd: folder,
      env,
      encoding: "utf8",
    });
    return { status, stdout, output: readFileSync(env.GITHUB_OUTPUT, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("stages of pull requests that are closed are found, each once, and no others", () => {
  const { status, output } = find(["dev", "pr-12", "pr-7", "pr-8", "pr-12", "pr-x", "pr-8-eu"]);
  expect({ status, output }).toEqual({ status: 0, output: "closed=[8,12]\n" });
});

test("a number that GitHub does not answer for is left, and keeps nothing else", () => {
  const { status, stdout, output } = find(["pr-3", "pr-8", "pr-012"]);
  expect({ status, output }).toEqual({ status: 0, output: "closed=[8]\n" });
  expect(stdout).toMatch(/^::warning::pr-3 is left as it is/);
});

test("no stage at all is an empty list", () => {
  expect(find([]).output).toBe("closed=[]\n");
});
