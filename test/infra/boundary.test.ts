import { describe, expect, it } from "vitest";
import { boundary } from "../../infra/access/ci/boundary.ts";
import { evaluateWhole } from "../support/sst/evaluate.ts";
import { input, ofType } from "./rules/rule.ts";
import { everything, parts, stage } from "./stages.ts";

const under = stage("production", { ...parts, boundary: true });

type Policy = { readonly Statement: readonly { readonly Effect: string; readonly Action: string | string[] }[] };

describe("a stage under the access baseline's boundary", () => {
  it("makes no role without it, and none outside of the stage's path", async () => {
    const roles = ofType(await evaluateWhole(under), "aws:iam/role:Role");
    expect(roles.map(({ name }) => name)).toContain("NetworkNatInstanceRole");
    const places = new Set(roles.map((role) => [input(role, "permissionsBoundary"), input(role, "path")].join(" ")));
    const arn = "arn:aws:iam::123456789012:policy/postern-access/postern-boundary";
    expect(places).toEqual(new Set([`${arn} /postern/production/`, `${arn} /postern/production/long-run/`]));
  });

  it("asks with no policy for an action that the boundary does not let through", async () => {
    const evaluation = await evaluateWhole(under);
    const inline = ofType(evaluation, "aws:iam/role:Role").flatMap(
      (role) => (input(role, "inlinePolicies") ?? []) as { policy?: string }[],
    );
    const texts = [
      ...ofType(evaluation, "aws:iam/rolePolicy:RolePolicy").map((policy) => input(policy, "policy") as string),
      ...inline.flatMap(({ policy }) => policy ?? []),
    ];
    const asked = texts
      .flatMap((text) => (JSON.parse(text) as Policy).Statement)
      .filter(({ Effect }) => Effect === "Allow");
    const through = new Set(
      boundary({ id: "123456789012", region: "eu-central-1", partition: "aws" }).flatMap(({ Action }) => Action),
    );
    expect(asked.length).toBeGreaterThan(20);
    expect(asked.flatMap(({ Action }) => [Action].flat()).filter((action) => !through.has(action))).toEqual([]);
  });

  it("makes its instances' profiles below the same path", async () => {
    const profiles = ofType(await evaluateWhole(under), "aws:iam/instanceProfile:InstanceProfile");
    expect(profiles.map((profile) => input(profile, "path"))).toEqual(["/postern/production/"]);
  });
});

it("a stage that does not say so has roles without a boundary, where they were", async () => {
  const roles = ofType(await evaluateWhole(everything("production")), "aws:iam/role:Role");
  expect(new Set(roles.map((role) => input(role, "permissionsBoundary")))).toEqual(new Set([undefined]));
});
