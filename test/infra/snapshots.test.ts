import { describe, expect, it } from "vitest";
import { evaluate, type EvaluateOptions, evaluateWhole } from "../support/sst/evaluate.ts";
import { declaredInAws, input, ofType } from "./rules/rule.ts";
import { dev, stage } from "./stages.ts";

const restoring = (restoreSnapshot: string, database: object = {}) =>
  dev({ database: { restoreSnapshot, ...database } });

async function versionOf(options: EvaluateOptions): Promise<unknown> {
  const [instance] = ofType(await evaluateWhole(options), "aws:rds/instance:Instance");
  return instance && input(instance, "engineVersion");
}

// What is refused, and why: test/unit/infra/snapshot-problems.test.ts.
describe("a database that begins with a snapshot of PostgreSQL 17.6", () => {
  it("is told 17, and made with 17.6: RDS cannot go back", async () => {
    expect(await versionOf(restoring("before"))).toBe("17.6");
  });

  it("is told 17.10, and made with that", async () => {
    expect(await versionOf(restoring("before", { version: "17.10" }))).toBe("17.10");
  });

  it.each([
    ["of this account", "plain-and-big", /not encrypted.*; it is of 200 GB/],
    ["shared by another account", "arn:aws:rds:eu-central-1:210987654321:snapshot:theirs", /of account 210987654321/],
    ["that is not there", "gone", /there is no such snapshot, or it could not be looked up/],
  ])("is refused one %s, before anything is declared", async (_what, id, problem) => {
    const evaluation = await evaluate(restoring(id));
    const { errors } = evaluation;
    expect(errors).toEqual([expect.stringContaining(`database.restoreSnapshot: ${id}: `)]);
    expect(errors[0]).toMatch(problem);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("does without the snapshot once it runs", async () => {
    expect(await versionOf(stage("running", { database: { restoreSnapshot: "gone", version: "17.6" } }))).toBe("17.6");
  });
});
