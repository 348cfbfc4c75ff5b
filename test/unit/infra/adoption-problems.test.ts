import { describe, expect, it } from "vitest";
import { type Candidate, findAdoptionProblems } from "../../../infra/database/adoption-problems.ts";

const vpcId = "vpc-0123456789abcdef0";
const network = { existing: { vpcId, privateSubnetIds: ["subnet-a", "subnet-b"] } };
const fine: Candidate = {
  dbName: "shop",
  engine: "postgres",
  engineVersion: "17.6",
  masterUserSecrets: [{ secretArn: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-fine" }],
  publiclyAccessible: false,
  vpcSecurityGroups: ["sg-1"],
};

const problemsOf = (candidate: Partial<Candidate>, database = {}) =>
  findAdoptionProblems({ ...fine, ...candidate }, vpcId, { network, database });

describe("an instance that a stage is to adopt", () => {
  it.each([
    ["of the oldest version", { engineVersion: "16.1" }, {}],
    ["of the newest version", { engineVersion: "18.3" }, {}],
    ["without a database that RDS knows of, where one is named", { dbName: "" }, { name: "shop" }],
  ])("may be one %s", (_what, candidate, database) => {
    expect(problemsOf(candidate, database)).toEqual([]);
  });

  it.each<[string, Partial<Candidate>, string]>([
    [
      "of another engine, of which nothing else is asked",
      { engine: "mysql", engineVersion: "8.4.6" },
      "its engine is mysql; expected postgres",
    ],
    ["too old", { engineVersion: "13.20" }, "its version is 13.20; expected one from 16 to 18"],
    ["too new", { engineVersion: "19.1" }, "its version is 19.1; expected one from 16 to 18"],
    ["that is public", { publiclyAccessible: true }, "it is publicly accessible; expected a private one"],
    ["without a group", { vpcSecurityGroups: [] }, "it has no security group; expected one of its VPC"],
    [
      "with a password of its own",
      { masterUserSecrets: [] },
      "aws rds modify-db-instance --manage-master-user-password",
    ],
    ["without a database that RDS knows of", { dbName: "" }, "set database.name"],
  ])("is not one %s", (_what, candidate, problem) => {
    expect(problemsOf(candidate)).toEqual([expect.stringContaining(problem)]);
  });

  it("is in the VPC of the stage", () => {
    const settings = { network, database: {} };
    expect(findAdoptionProblems(fine, "vpc-9", settings)).toEqual([
      `it is in vpc-9; expected ${vpcId}, the stage's VPC`,
    ]);
    expect(findAdoptionProblems(fine, undefined, settings)).toEqual(["it is in no VPC"]);
  });

  it("is told everything that is wrong with it", () => {
    expect(problemsOf({ publiclyAccessible: true, engineVersion: "13.20", dbName: "" })).toHaveLength(3);
  });
});
