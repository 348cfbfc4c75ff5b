import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { CfnResource, Stack } from "aws-cdk-lib";
import { describe, expect, it } from "vitest";
import { createAccessApp } from "../../infra/access/app.ts";
import { contextKey } from "../../infra/access/settings.ts";
import { settings } from "./settings.ts";
import { synthesise } from "./synthesise.ts";

describe("the access baseline", () => {
  it("is made of stacks for each account", () => {
    expect([...synthesise().keys()]).toStrictEqual(settings.accounts.map(({ name }) => name));
  });

  it("comes out the same each time", () => {
    const texts = [synthesise(), synthesise()].map((stacks) =>
      JSON.stringify([...stacks.values()].map(({ json }) => json)),
    );
    expect(texts[0]).toBe(texts[1]);
  });

  it("is small enough for CloudFormation to take it without a bucket, however many environments and stages there are", () => {
    const [development, production] = settings.accounts;
    const environments = Object.fromEntries(
      Array.from({ length: 4 }, (_, index) => [`team-${index}`, { deploys: [`team-${index}-*`] }]),
    );
    // As many as the policies of one environment hold.
    const deploys = ["customers-eu", "customers-us"];
    const stages = Object.fromEntries(deploys.map((name) => [name, { protected: false }]));
    const large = [
      { ...development, stages, environments: { ...environments, customers: { deploys, migrates: deploys } } },
      production,
    ];
    const accounts = [...synthesise().values(), ...synthesise({ ...settings, accounts: large }).values()];
    const sizes = accounts.flatMap(({ templates }) =>
      templates.map((one) => Buffer.byteLength(JSON.stringify(one, null, 1))),
    );
    expect(sizes.length).toBeGreaterThan(12);
    expect(Math.max(...sizes)).toBeLessThan(51_200);
  });

  it("is refused where the CDK's own validator finds something", () => {
    const outdir = mkdtempSync(path.join(tmpdir(), "postern-access-"));
    try {
      const app = createAccessApp({ context: { [contextKey]: settings }, outdir });
      const stack = new Stack(app, "wrong");
      const wrong = new CfnResource(stack, "Wrong", {
        type: "AWS::IAM::Role",
        properties: { MaxSessionDuration: "long" },
      });
      wrong.addPropertyOverride("Path", "nowhere");
      expect(() => app.synth()).toThrow(/AssumeRolePolicyDocument|MaxSessionDuration/);
    } finally {
      rmSync(outdir, { recursive: true });
    }
  });
});
