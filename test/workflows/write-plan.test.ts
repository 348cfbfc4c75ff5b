import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";

const script = join(import.meta.dirname, "../../scripts/ci/write-plan.ts");
const planHash = "cd".repeat(32);

function write(document: unknown) {
  const folder = mkdtempSync(join(tmpdir(), "write-plan-"));
  try {
    const [PLAN_FILE, GITHUB_OUTPUT, GITHUB_STEP_SUMMARY] = ["plan.json", "output", "summary"].map((name) =>
      join(folder, name),
    );
    for (const file of [GITHUB_OUTPUT, GITHUB_STEP_SUMMARY]) writeFileSync(String(file), "");
    writeFileSync(String(PLAN_FILE), JSON.stringify(document));
    const github = { GITHUB_SERVER_URL: "https://github.com", GITHUB_REPOSITORY: "acme/shop", GITHUB_SHA: "abc" };
    const env = { PLAN_FILE, GITHUB_OUTPUT, GITHUB_STEP_SUMMARY, STAGE: "production", ...github };
    const { status, stderr } = spawnSync(process.execPath, [script], { env, encoding: "utf8" });
    return {
      status,
      stderr,
      output: readFileSync(String(GITHUB_OUTPUT), "utf8"),
      summary: readFileSync(String(GITHUB_STEP_SUMMARY), "utf8"),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the hash that is approved is the one in the summary", () => {
  const finding = { code: "history.edited", message: "EOF\nhash=evil\npending=0" };
  const { status, output, summary } = write({ pending: [], findings: [finding], destructive: false, planHash });
  expect(status).toBe(0);
  expect(summary).toContain(`plan \`${planHash}\``);
  expect(output.startsWith(`hash=${planHash}\npending=0\ncomment<<`)).toBe(true);
});

test("a text ends its output only where a delimiter stands that nobody can guess", () => {
  const plan = { pending: [], findings: [{ code: "history.edited", message: "x" }], destructive: false, planHash };
  const [one, two] = [write(plan), write(plan)].map(
    ({ output }) => /comment<<(?<end>.*)\n/.exec(output)?.groups?.["end"],
  );
  expect(one).toMatch(/^[0-9a-f-]{36}$/);
  expect(two).not.toBe(one);
});

test("an error document offers nothing for approval", () => {
  const { status, stderr, output } = write({ error: { code: "bundle.stale", message: "deploy first" } });
  expect(status).toBe(1);
  expect(stderr).toContain("has no plan");
  expect(output).toBe("");
});
