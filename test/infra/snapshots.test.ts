import { describe, expect, it } from "vitest";
import { evaluate, evaluateWhole } from "../support/sst/evaluate.ts";
import { input, ofType } from "./rules/rule.ts";

const restoring = (restoreSnapshot: string, database: object = {}, stage = "dev") => ({
  stage,
  config: { stages: { [stage]: { database: { restoreSnapshot, ...database } } } },
});

async function versionOf(options: ReturnType<typeof restoring>): Promise<unknown> {
  const [instance] = ofType(await evaluateWhole(options), "aws:rds/instance:Instance");
  return instance && input(instance, "engineVersion");
}

// What is refused, and why: test/unit/infra/snapshot-problems.test.ts.
describe("a database that begins with a snapshot of PostgreSQL 17.6", () => {
  it.each([
    ["17", "17.6"],
    ["17.10", "17.10"],
  ])("is told %s, and made with %s: RDS cannot go back", async (version, made) => {
    expect(await versionOf(restoring("before", { version }))).toBe(made);
  });

  it.each([
    ["of this account", "plain-and-big", /not encrypted.*; it is of 200 GB/],
    ["shared by another account", "arn:aws:rds:eu-central-1:210987654321:snapshot:theirs", /of account 210987654321/],
    ["that is not there", "gone", /there is no such snapshot, or it could not be looked up/],
  ])("is refused one %s, before anything is declared", async (_what, id, problem) => {
    const { errors, resources } = await evaluate(restoring(id));
    expect(errors).toEqual([expect.stringContaining(`database.restoreSnapshot: ${id}: `)]);
    expect(errors[0]).toMatch(problem);
    expect(resources.filter(({ isCustom, type }) => isCustom && type.startsWith("aws:"))).toEqual([]);
  });

  it("does without the snapshot once it runs", async () => {
    expect(await versionOf(restoring("gone", { version: "17.6" }, "running"))).toBe("17.6");
  });
});
