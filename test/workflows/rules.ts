import { jobsOf, type Step, stepsOf, type Workflow } from "./workflow-files.ts";

/** What a workflow does against a rule, one line each. Pure. */
export type Rule = (workflow: Workflow, text: string) => readonly string[];

/**
 * What the repository promises of its workflows beyond the syntax. Each is shown to find something in
 * `bad-workflows.test.ts`: a rule that cannot fail proves nothing.
 */
export const rules: Readonly<Record<string, Rule>> = {
  "no permissions unless a job names them": ({ permissions, jobs }) => [
    ...(isEmptyObject(permissions) ? [] : ["the workflow has permissions of its own"]),
    ...Object.entries(jobs)
      .filter(([, job]) => job.permissions === undefined || isEmptyObject(job.permissions))
      .map(([id]) => `${id} names none`),
  ],

  "no right to write but these": ({ jobs }) =>
    Object.entries(jobs).flatMap(([id, { permissions = {} }]) =>
      Object.entries(permissions)
        .filter(([scope, level]) => level !== "read" && !["id-token", "pull-requests"].includes(scope))
        .map(([scope, level]) => `${id}: ${scope}: ${level}`),
    ),

  "who writes comments has no credentials": ({ jobs }) =>
    Object.entries(jobs)
      .filter(([, { permissions = {} }]) => permissions["pull-requests"] === "write" && "id-token" in permissions)
      .map(([id]) => id),

  "credentials only within an environment": ({ jobs }) =>
    Object.entries(jobs)
      .filter(([, { permissions = {}, environment }]) => "id-token" in permissions && environment === undefined)
      .map(([id]) => id),

  "each job ends by itself": ({ jobs }) =>
    Object.entries(jobs)
      .filter(([, job]) => job.uses === undefined && !(Number(job["timeout-minutes"]) > 0))
      .map(([id]) => id),

  "never pull_request_target": ({ on }) =>
    ["pull_request_target", "workflow_run", "issue_comment"].filter((event) =>
      JSON.stringify(on).includes(`"${event}"`),
    ),

  "credentials reach no fork": (workflow) => {
    if (!("pull_request" in workflow.on)) return [];
    const sameRepository = "github.event.pull_request.head.repo.full_name == github.repository";
    return jobsOf(workflow)
      .filter(
        ([, { permissions = {}, if: condition = "" }]) =>
          "id-token" in permissions && !isAlone(condition, sameRepository),
      )
      .map(([id]) => id);
  },

  // A deploy that is cancelled leaves its lock and half a stage, a migration an unknown end.
  "what changes a stage is never cut off, nor beside another": (workflow) =>
    jobsOf(workflow)
      .filter(([, { steps = [] }]) => steps.some(({ run = "" }) => /sst (?:deploy|remove)|npm run .*migrate/.test(run)))
      .filter(([, job]) => {
        const { group, "cancel-in-progress": isCutOff } = job.concurrency ?? workflow.concurrency ?? {};
        const stage = job.env?.["STAGE"] ?? workflow.env?.["STAGE"];
        return isCutOff !== false || group !== stage?.replace(/^pr-/, "preview-");
      })
      .map(([id]) => id),

  "no expression inside a script": (workflow) =>
    stepsOf(workflow)
      .map(({ run = "" }) => run)
      .filter((run) => run.includes("${{")),

  "no stored secret": (_, text) => text.match(/\bsecrets\b\s*(?:\.|\[|:).*/g) ?? [],

  "the token is nowhere but in an environment variable": (workflow) =>
    jobsOf(workflow).flatMap(([, { steps = [], outputs = {} }]) =>
      [...steps.map((step) => ({ ...step, env: undefined })), outputs]
        .map((place) => JSON.stringify(place))
        .filter((place) => /github\.token|GITHUB_TOKEN|ACTIONS_ID_TOKEN/.test(place)),
    ),

  "a checkout keeps no token": (workflow) =>
    stepsOf(workflow)
      .filter(
        ({ uses = "", with: inputs = {} }) =>
          uses.startsWith("actions/checkout@") && inputs["persist-credentials"] !== false,
      )
      .map(({ uses }) => String(uses)),

  "an account's number is hidden in logs": (workflow) =>
    stepsOf(workflow)
      .filter(
        ({ uses = "", with: inputs = {} }) => uses.startsWith("aws-actions/") && inputs["mask-aws-account-id"] !== true,
      )
      .map(({ uses }) => String(uses)),
};

/** `needle` as one of conditions that all have to hold: none of them is an `or` outside of brackets. */
function isAlone(condition: string, needle: string): boolean {
  const outside = condition.replaceAll(/\([^()]*\)/g, "");
  return outside.includes(needle) && !outside.includes("||") && !outside.includes(`!(${needle}`);
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** Actions of others, as `uses` names them. */
export function foreignActions(steps: readonly Step[]): readonly string[] {
  return steps.map(({ uses = "" }) => uses).filter((uses) => uses !== "" && !uses.startsWith("./"));
}
