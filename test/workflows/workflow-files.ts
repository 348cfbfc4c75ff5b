import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** As much of a workflow's shape as the rules look at. */
export type Workflow = {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: unknown;
  readonly env?: Readonly<Record<string, string>>;
  readonly concurrency?: Concurrency;
  readonly jobs: Readonly<Record<string, Job>>;
};

type Concurrency = { readonly group: string; readonly "cancel-in-progress"?: boolean };

export type Job = {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly if?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly environment?: string;
  readonly concurrency?: Concurrency;
  readonly "timeout-minutes"?: number;
  readonly uses?: string;
  readonly outputs?: Readonly<Record<string, string>>;
  readonly steps?: readonly Step[];
};

export type Step = {
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, unknown>>;
};

const folder = join(import.meta.dirname, "../../.github");
export const workflowNames = readdirSync(join(folder, "workflows"));
const actionNames = readdirSync(join(folder, "actions"));

export function workflowText(name: string): string {
  return readFileSync(join(folder, "workflows", name), "utf8");
}

export function readWorkflow(name: string): Workflow {
  return parse(workflowText(name)) as Workflow;
}

/** Our own actions, by the path that `uses` has for them. */
export const ownActions = new Map(
  actionNames.map((name) => {
    const text = readFileSync(join(folder, "actions", name, "action.yml"), "utf8");
    return [`./.github/actions/${name}`, { text, steps: (parse(text) as { runs: { steps: Step[] } }).runs.steps }];
  }),
);

export function jobsOf(workflow: Workflow): readonly (readonly [string, Job])[] {
  return Object.entries(workflow.jobs);
}

export function stepsOf(workflow: Workflow): readonly Step[] {
  return jobsOf(workflow).flatMap(([, { steps = [] }]) => steps);
}
