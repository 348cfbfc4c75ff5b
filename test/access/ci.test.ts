import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { contextKey, parseAccessSettings } from "../../infra/access/settings.ts";
import { readWorkflow, workflowNames } from "../workflows/workflow-files.ts";
import { settings } from "./settings.ts";
import { type Statement, synthesise } from "./synthesise.ts";

const accounts = synthesise();
const [development, production] = settings.accounts;
const ofPreview = accounts.get("development");
const ofProduction = accounts.get("production");

/** Of all policies of a role together, by the statements' names. */
function statementsOf(account: typeof ofPreview, role: string): ReadonlyMap<string, Statement> {
  const ofRole = [...(account?.policies ?? [])].filter(([name]) => name.startsWith(`${role}-`));
  return new Map(ofRole.flatMap(([, { Statement }]) => Statement.map((one) => [String(one.Sid), one])));
}

const preview = statementsOf(ofPreview, "postern-access-ci-preview");
const deploy = [...preview.values()];

describe("the roles of CI", () => {
  it("are one for each environment, beside GitHub's provider and the boundary", () => {
    const namesOf = (account: typeof ofPreview) =>
      Array.from(account?.roles.keys() ?? []).filter((name) => name.includes("-ci-"));
    expect(namesOf(ofPreview)).toEqual(["postern-access-ci-preview"]);
    expect(namesOf(ofProduction)).toEqual(["postern-access-ci-production", "postern-access-ci-production-migrate"]);
    for (const account of accounts.values()) {
      account.template.resourceCountIs("AWS::IAM::OIDCProvider", 1);
      account.template.hasResourceProperties("AWS::IAM::OIDCProvider", {
        Url: "https://token.actions.githubusercontent.com",
        ClientIdList: ["sts.amazonaws.com"],
      });
    }
  });

  it("trust one environment of one repository: by name, by number, and on one branch where it says so", () => {
    const trust = (account: typeof ofPreview, role: string) =>
      account?.roles.get(role)?.["AssumeRolePolicyDocument"] as { readonly Statement: readonly Statement[] };
    expect(trust(ofPreview, "postern-access-ci-preview").Statement).toHaveLength(1);
    expect(trust(ofPreview, "postern-access-ci-preview").Statement[0]?.Condition).toEqual({
      StringEquals: {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": [
          "repo:acme/shop:environment:preview",
          "repo:acme@4242/shop@987654:environment:preview",
        ],
        "token.actions.githubusercontent.com:repository_id": "987654",
      },
    });
    for (const role of ["postern-access-ci-production", "postern-access-ci-production-migrate"]) {
      expect(trust(ofProduction, role).Statement[0]?.Condition?.["StringEquals"]).toMatchObject({
        "token.actions.githubusercontent.com:ref": "refs/heads/main",
      });
    }
  });

  it("that apply migrations may read the manifest and ask two functions, and nothing else", () => {
    expect([...statementsOf(ofProduction, "postern-access-ci-production-migrate").values()]).toMatchInlineSnapshot(`
      [
        {
          "Action": "ssm:GetParameter",
          "Effect": "Allow",
          "Resource": [
            "arn:aws:ssm:eu-central-1:222222222222:parameter/postern/production/manifest",
          ],
          "Sid": "ReadManifest",
        },
        {
          "Action": "lambda:InvokeFunction",
          "Effect": "Allow",
          "Resource": [
            "arn:aws:lambda:eu-central-1:222222222222:function:postern-production-runner",
            "arn:aws:lambda:eu-central-1:222222222222:function:postern-production-inspect",
          ],
          "Sid": "AskRunner",
        },
      ]
    `);
  });

  it("that deploy name their stages in every right to change something, but for what is listed", () => {
    const free = deploy
      .filter(({ Effect }) => Effect === "Allow")
      .filter((one) => ![one.Resource, one.Condition].some((part) => JSON.stringify(part ?? "").includes("pr-*")))
      .map(({ Sid }) => Sid);
    expect(free).toEqual([
      "FindState",
      "ListState",
      "WithoutResource",
      "LookUp",
      "RunInstancesWith",
      "LeftInterfaces",
      "EmptyDefaultGroup",
      "DefaultOptions",
      "ProxyTargets",
      "LookUpDatabases",
      "MasterSecretKey",
      "ServiceLinkedRoles",
    ]);
  });

  it("that deploy make no role without the boundary, and put no policy on one that has it not", () => {
    const boundary = `arn:aws:iam::${development.id}:policy/postern-access/postern-boundary`;
    for (const action of ["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy"]) {
      const allows = deploy.filter(({ Effect, Action }) => Effect === "Allow" && [Action].flat().includes(action));
      expect(allows.map(({ Condition }) => Condition?.["StringEquals"]?.["iam:PermissionsBoundary"])).toEqual([
        boundary,
      ]);
    }
    expect(ofPreview?.policies.has("postern-boundary")).toBe(true);
  });

  it("that deploy are denied the baseline, the boundary, its stacks and every secret", () => {
    const denied = deploy.filter(({ Effect }) => Effect === "Deny").map(({ Sid }) => Sid);
    expect(denied).toEqual(["ReadNoSecret", "LeaveTheBaseline", "LeaveTheBoundary", "LeaveTheStack"]);
    expect(preview.get("LeaveTheBaseline")?.Resource).toEqual([
      `arn:aws:iam::${development.id}:role/postern-access/*`,
      `arn:aws:iam::${development.id}:policy/postern-access/*`,
      `arn:aws:iam::${development.id}:oidc-provider/token.actions.githubusercontent.com`,
    ]);
  });

  it("allow no action by a wildcard but to look up", () => {
    const wild = [...accounts.values()]
      .flatMap(({ policies }) => [...policies].filter(([name]) => /-ci-|boundary/.test(name)))
      .flatMap(([, { Statement }]) => Statement.filter(({ Effect }) => Effect === "Allow"))
      .flatMap(({ Action }) => [Action].flat().filter((action) => action.includes("*")));
    expect(new Set(wild)).toEqual(new Set(["ec2:Describe*", "rds:Describe*"]));
  });

  it("have policies that IAM takes: 6,144 characters each, ten for a role", () => {
    for (const { policies, roles } of accounts.values()) {
      for (const document of policies.values()) expect(JSON.stringify(document).length).toBeLessThan(6144);
      for (const role of roles.values())
        expect(((role["ManagedPolicyArns"] as unknown[]) ?? []).length).toBeLessThan(11);
    }
  });
});

it("an environment for more stages than its policies hold is refused before anything is made", () => {
  const deploys = ["eu", "us", "ap", "reports", "tools", "demo"].map((name) => `customers-${name}`);
  const stages = Object.fromEntries(deploys.map((name) => [name, { protected: false }]));
  const many = { ...development, stages, environments: { many: { deploys } } };
  expect(() => synthesise({ ...settings, accounts: [many, settings.accounts[1]] })).toThrow(
    /^The policy postern-access-ci-many-\w+ has \d+ characters, and IAM takes 6144\. An environment for fewer stages/,
  );
});

describe("the boundary", () => {
  it("tells stages apart by the role's tag, and by its path, in everything that has a name", () => {
    const statements = ofPreview?.policies.get("postern-boundary")?.Statement ?? [];
    const own = statements.filter(({ Sid }) => String(Sid).startsWith("Own"));
    expect(own.map(({ Sid }) => Sid)).toEqual(["OwnLogs", "OwnSecrets", "OwnMasterSecret", "OwnBuckets"]);
    for (const { Resource, Condition } of own) {
      expect(JSON.stringify([Resource, Condition?.["ArnEquals"]])).toContain(`\${aws:PrincipalTag/postern:stage}`);
      expect(Condition?.["ArnLike"]).toEqual({
        "aws:PrincipalArn": `arn:aws:iam::${development.id}:role/postern/\${aws:PrincipalTag/postern:stage}/*`,
      });
    }
    expect(JSON.stringify(statements.map(({ Action }) => Action))).not.toMatch(/iam:|sts:|lambda:/);
  });
});

describe("the settings of environments", () => {
  it("are refused when a name in them would reach another stage", () => {
    const environments = {
      ci: { deploys: ["re-*", "rep-*", "tools"] },
      more: { migrates: ["reports"], branch: "main" },
    };
    const stages = { ...production.stages, "rep-eu": { protected: true }, "tools-eu": { protected: false } };
    expect(() => parseAccessSettings({ ...settings, accounts: [{ ...production, stages, environments }] }))
      .toThrowErrorMatchingInlineSnapshot(`
      [AccessSettingsRefused: The context value postern:access (infra/access/cdk.json) is refused; nothing was made:
        - accounts: production: the environment ci with rep-* would reach the stage rep-eu; expected a name that none begins with
        - accounts: production: the environment ci with tools would reach the stage tools-eu; expected a name that none begins with]
    `);
  });

  it("are refused when a name would reach what another environment has, but for the same name", () => {
    const environments = {
      preview: { deploys: ["pr-*"] },
      eu: { deploys: ["pr-eu-*"] },
      again: { migrates: ["pr-*"] },
      tools: { deploys: ["tools", "tools-*"] },
      "tools-only": { migrates: ["tools"] },
    };
    expect(() => parseAccessSettings({ ...settings, accounts: [{ ...production, environments }] }))
      .toThrowErrorMatchingInlineSnapshot(`
      [AccessSettingsRefused: The context value postern:access (infra/access/cdk.json) is refused; nothing was made:
        - accounts: production: the environment preview with pr-* would reach pr-eu-* of the environment eu; expected a name that none begins with
        - accounts: production: the environment again with pr-* would reach pr-eu-* of the environment eu; expected a name that none begins with
        - accounts: production: the environment tools-only with tools would reach tools-* of the environment tools; expected a name that none begins with]
    `);
  });

  it("are refused when a plain name is no stage of the account, with the nearest that is one", () => {
    const environments = { ci: { deploys: ["prodution"], migrates: ["tool"], branch: "main" } };
    const without = { ...development, stages: {}, environments: { preview: { deploys: ["dev"] } } };
    expect(() => parseAccessSettings({ ...settings, accounts: [without, { ...production, environments }] }))
      .toThrowErrorMatchingInlineSnapshot(`
      [AccessSettingsRefused: The context value postern:access (infra/access/cdk.json) is refused; nothing was made:
        - accounts: development: the environment preview names dev; expected a stage of the account, the account has none
        - accounts: production: the environment ci names prodution; expected a stage of the account, the nearest is production
        - accounts: production: the environment ci names tool; expected a stage of the account, the nearest is tools]
    `);
  });

  it("are refused when a role's name would be too long; names that differ in hyphens alone are two", () => {
    const alike = { ...development, environments: { "a-1": {}, a1: {} } };
    expect(() => synthesise({ ...settings, accounts: [alike] })).not.toThrow();
    const long = (length: number) => ({ ...development, environments: { ["a".repeat(length)]: {} } });
    expect(() => parseAccessSettings({ ...settings, accounts: [long(47)] })).toThrowErrorMatchingInlineSnapshot(`
      [AccessSettingsRefused: The context value postern:access (infra/access/cdk.json) is refused; nothing was made:
        - accounts.0.environments.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: expected at most 46 characters: its role is postern-access-ci-…, and IAM takes 64 (seen: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    `);
    const ofLongest = synthesise({ ...settings, accounts: [long(46)] }).get("development");
    expect([...(ofLongest?.roles.keys() ?? [])].map((role) => role.length)).toEqual([64]);
  });

  it("take the beginning of names, and no other wildcard", () => {
    for (const given of ["*", "pr*", "pr-*-x", "p?-*"]) {
      const environments = { preview: { deploys: [given] } };
      expect(() => parseAccessSettings({ ...settings, accounts: [{ ...development, environments }] })).toThrow(
        "expected a stage, or the beginning of stages, as pr-*",
      );
    }
  });
});

describe("the workflows", () => {
  const context = JSON.parse(readFileSync(new URL("../../infra/access/cdk.json", import.meta.url), "utf8")) as {
    readonly context: Readonly<Record<string, unknown>>;
  };
  const own = parseAccessSettings(context.context[contextKey]);

  it("take the role of their job's environment, which the baseline makes for these stages", () => {
    const environments = new Map(own.accounts.flatMap((account) => Object.entries(account.environments)));
    const jobs = workflowNames
      .map((name) => readWorkflow(name))
      .flatMap(({ jobs: all, env = {} }) =>
        Object.values(all).map((job) => ({ job, stage: job.env?.["STAGE"] ?? env["STAGE"] })),
      );
    const taken = jobs.flatMap(({ job, stage }) =>
      (job.steps ?? []).flatMap(({ with: inputs }) => {
        const role = inputs?.["role-to-assume"];
        return role === undefined ? [] : [{ role, environment: job.environment, stage }];
      }),
    );
    expect(taken).toHaveLength(7);
    for (const { role, environment, stage } of taken) {
      expect(role).toBe(
        `arn:aws:iam::\${{ vars.AWS_ACCOUNT_ID }}:role/postern-access/postern-access-ci-${environment}`,
      );
      const { deploys, migrates } = environments.get(String(environment)) ?? { deploys: [], migrates: [] };
      const patterns = [...deploys, ...migrates].map((one) => new RegExp(`^${one.replace("*", ".+")}$`));
      // What looks for stages has none of its own.
      expect(stage === undefined || patterns.some((pattern) => pattern.test(stage))).toBe(true);
    }
  });
});
