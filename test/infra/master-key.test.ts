import { describe, expect, it } from "vitest";
import { evaluate, evaluateWhole } from "../support/sst/evaluate.ts";
import type { Evaluation } from "../support/sst/recorded.ts";
import { declaredInAws, input, ofType } from "./rules/rule.ts";
import { adopting, everything } from "./stages.ts";

type Statement = { readonly Action: string | readonly string[] };

/** Every statement about keys, by the policy that it is in. */
function keyStatements(evaluation: Evaluation): Record<string, Statement[]> {
  const found = ofType(evaluation, "aws:iam/rolePolicy:RolePolicy").map((policy) => {
    const { Statement } = JSON.parse(String(input(policy, "policy"))) as { Statement: Statement[] };
    return [
      policy.name,
      Statement.filter(({ Action }) => [Action].flat().some((one) => one.startsWith("kms:"))),
    ] as const;
  });
  return Object.fromEntries(found.filter(([, statements]) => statements.length > 0));
}

describe("the master's secret of an adopted instance", () => {
  it("under a key of the account's own gives that key to those that read it, through Secrets Manager", async () => {
    const statement = {
      Sid: "DecryptSecrets",
      Effect: "Allow",
      Action: ["kms:Decrypt"],
      // RDS names the key's id alone; a policy takes its ARN.
      Resource: "arn:aws:kms:eu-central-1:123456789012:key/own",
      Condition: { StringEquals: { "kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com" } },
    };
    // Neither inspect nor health nor the proxy reads it.
    expect(keyStatements(await evaluateWhole(adopting("own-key")))).toEqual({
      RunnerPolicy: [statement],
      LongRunPolicy: [statement],
    });
  });

  it("under AWS's own key gives no key to anybody", async () => {
    expect(keyStatements(await evaluateWhole(adopting("fine")))).toEqual({});
  });

  it("under a key that cannot be looked at stops the deploy before anything is declared", async () => {
    const evaluation = await evaluate(adopting("hidden-key"));
    const { errors } = evaluation;
    expect(errors).toEqual([expect.stringContaining("database.adopt: hidden-key: the key of its master's secret")]);
    expect(errors[0]).toContain("whoever deploys needs kms:DescribeKey on it");
    expect(declaredInAws(evaluation)).toEqual([]);
  });
});

it("a database of the stage's own has its master's secret under AWS's own key, so that no role has a key", async () => {
  expect(keyStatements(await evaluateWhole(everything("production")))).toEqual({});
});
