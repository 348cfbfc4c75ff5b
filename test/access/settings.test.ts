import { describe, expect, it } from "vitest";
import { parseAccessSettings } from "../../infra/access/settings.ts";
import { settings } from "./settings.ts";

const [development, production] = settings.accounts;

describe("the settings of the access baseline", () => {
  it("are taken as an object, and as the JSON that a command line gives", () => {
    expect(parseAccessSettings(JSON.stringify(settings))).toStrictEqual(parseAccessSettings(settings));
  });

  it("take the partition for aws unless they say otherwise", () => {
    expect(parseAccessSettings(settings).accounts.map(({ partition }) => partition)).toStrictEqual(["aws", "aws"]);
  });

  it("are refused with every problem at once, each with its place, what was expected and what was seen", () => {
    const wrong = {
      repository: { owner: "acme", ownerId: 4242, name: "shop", id: "0" },
      accounts: [
        { ...development, id: "1111", region: "Frankfurt", stages: { local: { protected: "no" }, Dev_1: {} } },
      ],
      regions: [],
    };
    expect(() => parseAccessSettings(wrong)).toThrowErrorMatchingInlineSnapshot(`
      [AccessSettingsRefused: The context value postern:access (infra/access/cdk.json) is refused; nothing was made:
        - repository.ownerId: expected GitHub's number, as text (seen: 4242)
        - repository.id: expected GitHub's number, as text (seen: "0")
        - accounts.0.id: expected an account's twelve digits, as text (seen: "1111")
        - accounts.0.region: expected a region, as eu-central-1 (seen: "Frankfurt")
        - accounts.0.stages.local: expected another stage: local is never deployed (seen: "local")
        - accounts.0.stages.local.protected: expected true or false (seen: "no")
        - accounts.0.stages.Dev_1: expected a stage: lower-case letters, digits and single hyphens, from a letter, at most 31 characters (seen: "Dev_1")
        - accounts.0.stages.Dev_1.protected is missing; expected true or false
        - regions is unknown; the nearest that is known is repository]
    `);
  });

  it("are refused with a stage or an environment whose name would be lost, and with a list for an object", () => {
    const stages = { ...development.stages, prototype: { protected: true }, constructor: { protected: true } };
    const lost = [
      { ...development, stages },
      { ...production, stages: [], environments: { prototype: {} } },
    ];
    const proto = JSON.stringify({ ...settings, accounts: [development] }).replace('"dev":', '"__proto__":');
    expect(() => parseAccessSettings({ ...settings, accounts: lost })).toThrowErrorMatchingInlineSnapshot(`
      [AccessSettingsRefused: The context value postern:access (infra/access/cdk.json) is refused; nothing was made:
        - accounts.0.stages: expected other names than __proto__, constructor, prototype, which would be lost (seen: Object)
        - accounts.1.stages: expected the account's stages by their names (seen: Array)
        - accounts.1.environments: expected other names than __proto__, constructor, prototype, which would be lost (seen: Object)]
    `);
    expect(() => parseAccessSettings(proto)).toThrow("accounts.0.stages: expected other names than");
  });

  it("are refused where a region is in another partition", () => {
    const places = [
      { ...development, region: "cn-north-1" },
      { ...production, region: "us-gov-west-1", partition: "aws-cn" },
    ];
    expect(() => parseAccessSettings({ ...settings, accounts: places })).toThrowErrorMatchingInlineSnapshot(`
      [AccessSettingsRefused: The context value postern:access (infra/access/cdk.json) is refused; nothing was made:
        - accounts: development: cn-north-1 is a region of aws-cn; expected the partition aws-cn
        - accounts: production: us-gov-west-1 is a region of aws-us-gov; expected the partition aws-us-gov]
    `);
    const right = { ...production, region: "us-gov-west-1", partition: "aws-us-gov" };
    expect(parseAccessSettings({ ...settings, accounts: [right] }).accounts).toHaveLength(1);
  });

  it("are refused where two accounts' stacks would have one name", () => {
    const empty = { ...production, stages: {}, environments: {} };
    const accounts = [
      { ...empty, name: "eu", environments: { live: {} } },
      { ...empty, name: "eu-ci-live", id: "333333333333" },
      { ...empty, name: "eu-audit", id: "444444444444" },
    ];
    expect(() => parseAccessSettings({ ...settings, accounts })).toThrowErrorMatchingInlineSnapshot(`
      [AccessSettingsRefused: The context value postern:access (infra/access/cdk.json) is refused; nothing was made:
        - accounts: two of them would have the stack postern-access-eu-ci-live; expected names that differ in more
        - accounts: two of them would have the stack postern-access-eu-audit; expected names that differ in more]
    `);
  });

  it("are refused where two stages have one database: who may log in to one could log in to the other", () => {
    const stages = { dev: { protected: false, databaseId: "db-A" }, tools: { protected: false, databaseId: "db-A" } };
    expect(() => parseAccessSettings({ ...settings, accounts: [{ ...development, stages }] })).toThrow(
      "  - accounts: the database db-A is that of two stages; expected one",
    );
  });

  it("name no account and no stage twice", () => {
    const twice = { ...production, stages: { dev: { protected: true } }, environments: {} };
    const again = { ...twice, name: "development" };
    expect(() => parseAccessSettings({ ...settings, accounts: [development, twice, again] }))
      .toThrowErrorMatchingInlineSnapshot(`
        [AccessSettingsRefused: The context value postern:access (infra/access/cdk.json) is refused; nothing was made:
          - accounts: name development is there twice; expected each once
          - accounts: id 222222222222 is there twice; expected each once
          - accounts: the stage dev is in two of them; expected one]
      `);
  });

  it("let no environment of any branch deploy or migrate a protected stage, and no stage have the baseline's name", () => {
    const open = { deploys: ["production"], migrates: ["reports", "tools"] };
    const environments = { production: open, access: { deploys: ["access"] } };
    expect(() => parseAccessSettings({ ...settings, accounts: [development, { ...production, environments }] }))
      .toThrowErrorMatchingInlineSnapshot(`
      [AccessSettingsRefused: The context value postern:access (infra/access/cdk.json) is refused; nothing was made:
        - accounts.1.environments.access.deploys.0: expected another stage: access is the baseline's own name (seen: "access")
        - accounts: production: the environment production is for jobs of any branch, and production is protected; expected a branch
        - accounts: production: the environment production is for jobs of any branch, and reports is protected; expected a branch]
    `);
  });

  it("name what is missing with what was expected, and what is unknown with the nearest known", () => {
    const { region: _, ...placeless } = development;
    const accounts = [{ ...placeless, enviroments: {} }, "production"];
    const { repository } = settings;
    expect(() => parseAccessSettings({ repository: { ...repository, ownerID: "1" }, accounts }))
      .toThrowErrorMatchingInlineSnapshot(`
      [AccessSettingsRefused: The context value postern:access (infra/access/cdk.json) is refused; nothing was made:
        - repository.ownerID is unknown; the nearest that is known is ownerId
        - accounts.0.region is missing; expected a region, as eu-central-1
        - accounts.0.enviroments is unknown; the nearest that is known is environments
        - accounts.1: expected an object with name, id, region, partition, breakGlass, stages, environments, audit (seen: "production")]
    `);
    expect(() => parseAccessSettings({ repository })).toThrowErrorMatchingInlineSnapshot(`
      [AccessSettingsRefused: The context value postern:access (infra/access/cdk.json) is refused; nothing was made:
        - accounts is missing; expected a list of accounts]
    `);
  });

  it("are refused where there are none, and where a text is no JSON", () => {
    expect(() => parseAccessSettings(undefined)).toThrow(
      "  - expected an object with repository, accounts (seen: undefined)",
    );
    expect(() => parseAccessSettings("{")).toThrow('  - expected JSON (seen: "{")');
    const long = `{ "accounts": ${"x".repeat(1000)}`;
    expect(() => parseAccessSettings(long)).toThrow(/expected JSON \(seen: "\{ .{40,60}…\)$/);
  });
});
