import { expect, test } from "vitest";
import { parse } from "yaml";
import { rules } from "./rules.ts";
import { type Workflow, workflowText } from "./workflow-files.ts";

/** One change to a workflow of ours that breaks exactly what the rule is about. */
const breaks: Readonly<Record<keyof typeof rules, readonly (readonly [file: string, from: string, to: string])[]>> = {
  "no permissions unless a job names them": [
    ["check.yml", "permissions: {}", "permissions: read-all"],
    ["check.yml", "permissions: {}", ""],
    ["check.yml", "    permissions:\n      contents: read\n", ""],
  ],
  "no right to write but these": [["check.yml", "contents: read", "contents: write"]],
  "who writes comments has no credentials": [
    ["preview.yml", "pull-requests: write", "pull-requests: write\n      id-token: write"],
  ],
  "credentials only within an environment": [["deploy.yml", "    environment: production\n", ""]],
  "each job ends by itself": [
    ["check.yml", "    timeout-minutes: 60\n", ""],
    ["deploy.yml", "timeout-minutes: 180", "timeout-minutes: 0"],
  ],
  "never pull_request_target": [["preview.yml", "  pull_request:\n", "  pull_request_target:\n"]],
  "credentials reach no fork": [
    ["preview.yml", "      && github.event.pull_request.head.repo.full_name == github.repository\n", ""],
    ["preview.yml", "      && vars.POSTERN_DEPLOYS == 'true'", "      || vars.POSTERN_DEPLOYS == 'true'"],
    ["preview.yml", "head.repo.full_name == github.repository", "head.repo.full_name != github.repository"],
  ],
  "what changes a stage is never cut off, nor beside another": [
    ["deploy.yml", "cancel-in-progress: false", "cancel-in-progress: true"],
    ["preview.yml", "cancel-in-progress: false", "cancel-in-progress: true"],
    [
      "preview.yml",
      "  group: preview-${{ github.event.pull_request.number }}",
      "  group: preview-${{ github.run_id }}",
    ],
    ["preview-sweep.yml", "      cancel-in-progress: false", "      cancel-in-progress: true"],
    [
      "preview-sweep.yml",
      "    concurrency:\n      group: preview-${{ matrix.number }}\n      cancel-in-progress: false\n",
      "",
    ],
    ["preview-sweep.yml", "STAGE: pr-${{ matrix.number }}", "STAGE: pr-0"],
  ],
  "no expression inside a script": [
    ["check.yml", "run: npm test", "run: npm test ${{ github.event.pull_request.title }}"],
  ],
  "no stored secret": [
    ["deploy.yml", "role-duration-seconds: 10800", "aws-secret-access-key: ${{ secrets.KEY }}"],
    ["deploy.yml", "uses: ./.github/workflows/check.yml", "uses: ./.github/workflows/check.yml\n    secrets: inherit"],
  ],
  "the token is nowhere but in an environment variable": [
    ["preview.yml", "run: node scripts/ci/post-comment.mjs", "run: node scripts/ci/post-comment.mjs $GITHUB_TOKEN"],
  ],
  "a checkout keeps no token": [["check.yml", "persist-credentials: false", "persist-credentials: true"]],
  "an account's number is hidden in logs": [["deploy.yml", "mask-aws-account-id: true", "mask-aws-account-id: false"]],
};

const cases = Object.entries(breaks).flatMap(([rule, changes]) => changes.map((change) => [rule, ...change] as const));

test("every rule is broken below", () => {
  expect(Object.keys(breaks)).toEqual(Object.keys(rules));
});

test.each(cases)("%s: found in %s without %j", (rule, file, from, to) => {
  const text = workflowText(file);
  expect(text).toContain(from);
  const broken = text.replace(from, to);
  expect(rules[rule]?.(parse(broken) as Workflow, broken)).not.toEqual([]);
});
