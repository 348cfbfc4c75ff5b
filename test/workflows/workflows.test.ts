import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from "@actions/workflow-parser";
import { describe, expect, test } from "vitest";
import { foreignActions, rules } from "./rules.ts";
import { ownActions, readWorkflow, stepsOf, workflowNames, workflowText } from "./workflow-files.ts";

test("the workflows are these", () => {
  expect(workflowNames).toEqual(["check.yml", "deploy.yml", "preview-sweep.yml", "preview.yml"]);
});

describe.each(workflowNames)("%s", (name) => {
  const text = workflowText(name);
  const workflow = readWorkflow(name);

  test("is what GitHub's own parser takes, expressions and all", async () => {
    expect(await findSyntaxErrors(name, text)).toEqual([]);
  });

  test.each(Object.entries(rules))("%s", (_, rule) => {
    expect(rule(workflow, text)).toEqual([]);
  });

  test("every action of others is a full commit, with its version behind it", () => {
    for (const uses of foreignActions(stepsOf(workflow))) {
      expect(uses).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
      expect(text).toMatch(new RegExp(`uses: ${uses} # v\\d+\\.\\d+\\.\\d+\\n`));
    }
  });

  test("every action of our own is there", () => {
    const own = stepsOf(workflow)
      .map(({ uses = "" }) => uses)
      .filter((uses) => uses.startsWith("./"));
    expect(own.filter((uses) => !ownActions.has(uses))).toEqual([]);
  });
});

test("actions of others are these and no more, each in one version", () => {
  const all = new Set(workflowNames.flatMap((name) => foreignActions(stepsOf(readWorkflow(name)))));
  expect([...all].toSorted()).toEqual([
    "actions/checkout@df4cb1c069e1874edd31b4311f1884172cec0e10",
    "aws-actions/configure-aws-credentials@e6de054238d6b7531b4efff3b6587d9aade6a06c",
  ]);
});

test("our own actions use none of others, and no expression in a script", () => {
  for (const { steps } of ownActions.values()) {
    expect(foreignActions(steps)).toEqual([]);
    expect(steps.filter(({ run = "" }) => run.includes("${{"))).toEqual([]);
  }
});

async function findSyntaxErrors(name: string, content: string): Promise<string[]> {
  const { context, value } = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  if (value !== undefined) await convertWorkflowTemplate(context, value);
  return context.errors.getErrors().map(({ message }) => message);
}

test("the parser finds what is wrong", async () => {
  const broken = workflowText("check.yml").replace("timeout-minutes: 60", "timeout: ${{ nowhere.x }}");
  expect(await findSyntaxErrors("broken.yml", broken)).not.toEqual([]);
  const expression = workflowText("deploy.yml").replace(
    "vars.POSTERN_DEPLOYS == 'true'",
    "varz.POSTERN_DEPLOYS == 'true'",
  );
  expect(await findSyntaxErrors("broken.yml", expression)).not.toEqual([]);
});
