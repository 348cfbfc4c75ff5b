import { expect, it } from "vitest";
import { evaluateWhole } from "../support/sst/evaluate.ts";
import type { Evaluation } from "../support/sst/recorded.ts";
import { input, ofType } from "./rules/rule.ts";
import { dev, everything, existing } from "./stages.ts";

const account = { StringEquals: { "aws:SourceAccount": "123456789012" } };

/** On what condition each role may be taken; null: on none. */
function conditions(evaluation: Evaluation): Record<string, unknown> {
  const found = ofType(evaluation, "aws:iam/role:Role").map((role) => {
    const trust = input(role, "assumeRolePolicy");
    const { Statement } = (typeof trust === "string" ? JSON.parse(trust) : trust) as {
      Statement: { Condition?: unknown }[];
    };
    return [role.name, Statement.length === 1 ? (Statement[0]?.Condition ?? null) : Statement];
  });
  return Object.fromEntries(found);
}

it("a service may take a role for this account only, where AWS documents that it says for whom", async () => {
  expect(conditions(await evaluateWhole(everything("production")))).toEqual({
    RunnerRole: account,
    InspectRole: account,
    HealthRole: account,
    LongRunStartRole: account,
    LongRunRole: { ...account, ArnLike: { "aws:SourceArn": "arn:aws:ecs:eu-central-1:123456789012:*" } },
    NetworkFlowLogRole: account,
    DatabaseMonitoringRole: {
      StringEquals: {
        ...account.StringEquals,
        "aws:SourceArn": "arn:aws:rds:eu-central-1:123456789012:db:postern-production",
      },
    },
    // RDS Proxy documents no condition, and instances have none.
    DatabaseProxyRole: null,
    NetworkNatInstanceRole: null,
  });
});

it("a bastion in a VPC that was there before gets its role without a condition, as every instance does", async () => {
  const evaluation = await evaluateWhole(dev({ network: { existing } }));
  expect(conditions(evaluation)).toMatchObject({ NetworkBastionRole: null });
});
