import { randomUUID } from "node:crypto";
import { appendFile, readFile } from "node:fs/promises";
import process from "node:process";
import type { PlanResult } from "#lib/protocol.ts";
import { planMarkdown } from "./plan-markdown.ts";

/**
 * A step of a workflow: what `postern plan --json` printed, as outputs of the step and in the job's summary.
 *
 * 1. Reads `PLAN_FILE`.
 * 2. Sets `hash`, `pending` (how many) and `comment`.
 * 3. Adds the same text to the summary, which is what people approve.
 */
const {
  PLAN_FILE: file = "",
  STAGE: stage = "",
  GITHUB_OUTPUT: output = "",
  GITHUB_STEP_SUMMARY: summary = "",
} = process.env;
const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_SHA: commit } = process.env;
const plan = JSON.parse(await readFile(file, "utf8")) as PlanResult;
// A document without a plan (an error) must not become an empty approval.
if (!/^[0-9a-f]{64}$/.test(plan.planHash))
  throw new Error(`${file} has no plan: expected what \`postern plan --json\` prints.`);
const comment = planMarkdown(plan, stage, `${server}/${repository}/tree/${commit}/migrations`);
// A delimiter that nobody can guess: the text cannot end the output and begin another one.
const end = randomUUID();
await appendFile(
  output,
  `hash=${plan.planHash}\npending=${plan.pending.length}\ncomment<<${end}\n${comment}\n${end}\n`,
);
await appendFile(summary, comment);
