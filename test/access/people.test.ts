import { describe, expect, it } from "vitest";
import { glassPolicies } from "../../infra/access/people.ts";
import { policyNames } from "../../infra/access/names.ts";
import { settings } from "./settings.ts";
import { synthesise, synthesisedExample } from "./synthesise.ts";

const production = synthesisedExample().get("production");
const development = synthesisedExample().get("development");
const [ofDevelopment, ofProduction] = settings.accounts;

describe("the policies for people", () => {
  it("are the same in each account, and made where nobody who deploys may change them", () => {
    for (const account of [development, production]) {
      const made = Object.values(account?.template.findResources("AWS::IAM::ManagedPolicy") ?? {});
      const own = made.filter(({ Properties: { Path: place } }) => place === "/postern-access/");
      expect(own.map(({ Properties: { ManagedPolicyName: name } }) => name as string)).toEqual(
        expect.arrayContaining(Object.values(policyNames)),
      );
    }
  });

  it("allow no action by a pattern, and change nothing but what they name", () => {
    for (const name of Object.values(policyNames)) {
      const allowed = production?.policies.get(name)?.Statement.filter(({ Effect }) => Effect === "Allow") ?? [];
      expect(allowed).not.toStrictEqual([]);
      expect(allowed.flatMap(({ Action }) => Action).filter((action) => action.includes("*"))).toStrictEqual([]);
      const everywhere = allowed
        .filter(({ Resource }) => [Resource].flat().includes("*"))
        .flatMap(({ Action }) => Action);
      expect(everywhere.filter((action) => !/:Describe/.test(action))).toStrictEqual([]);
    }
  });

  it("have no statement twice, whatever the names of the stages", () => {
    const stages = Object.fromEntries(
      ["a1b", "a-1b", "a1-b"].map((name, index) => [name, { protected: false, databaseId: `db-${index}` }]),
    );
    const alike = { ...settings, accounts: [{ ...ofDevelopment, stages, environments: {} }] };
    const sids = synthesise(alike)
      .get("development")
      ?.policies.get(policyNames.operator)
      ?.Statement.map(({ Sid }) => Sid);
    expect(sids?.filter((sid) => sid?.startsWith("LogInTo"))).toHaveLength(3);
    expect(new Set(sids).size).toBe(sids?.length);
  });

  it("are refused, by their size, before IAM refuses them", () => {
    const stages = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [
        `stage-${index}`,
        { protected: false, databaseId: `db-${"A".repeat(24)}${index}` },
      ]),
    );
    const many = { ...settings, accounts: [{ ...ofDevelopment, stages, environments: {} }] };
    expect(() => synthesise(many)).toThrow(/PosternDeveloper has \d+ characters, and IAM takes 6144/);
  });
});

describe("the roles for protected stages", () => {
  it("last an hour, are tagged with their stage, and have the policies that the matrix says", () => {
    const ids = glassPolicies.map((key) => policyNames[key]);
    for (const stage of ["production", "reports"]) {
      const role = production?.roles.get(`PosternBreakGlass-${stage}`);
      expect(role).toMatchObject({ MaxSessionDuration: 3600, Path: "/postern-access/" });
      expect(role?.["ManagedPolicyArns"]).toStrictEqual(ids.map((id) => ({ Ref: id })));
      expect(role?.["Tags"]).toStrictEqual([
        { Key: "postern:app", Value: "postern" },
        { Key: "postern:part", Value: "access" },
        { Key: "postern:stage", Value: stage },
      ]);
    }
  });

  it("are there for protected stages alone, and where somebody may take them", () => {
    const rolesOf = (account: typeof production) => [...(account?.roles.keys() ?? [])];
    expect(rolesOf(production).filter((name) => name.startsWith("PosternBreakGlass"))).toHaveLength(2);
    expect(rolesOf(development).filter((name) => name.startsWith("PosternBreakGlass"))).toStrictEqual([]);
    const nobody = { ...settings, accounts: [{ ...ofProduction, breakGlass: {} }] };
    const ofNobody = synthesise(nobody).get("production");
    expect(rolesOf(ofNobody).filter((name) => name.startsWith("PosternBreakGlass"))).toStrictEqual([]);
    expect(JSON.stringify(ofNobody?.policies.get("PosternDeveloper"))).toContain("NoProtectedStage");
  });

  it("are for the users alone, or the permission set alone, where the settings name nobody else", () => {
    expect(trusted({ users: ["ann"] })).toStrictEqual(["UsersWithMfa"]);
    expect(trusted({ permissionSet: "OnCall" })).toStrictEqual(["PermissionSet"]);
  });
});

function trusted(breakGlass: object) {
  return synthesise({ ...settings, accounts: [{ ...ofProduction, breakGlass }] })
    .get("production")
    ?.trusts.get("PosternBreakGlass-production")
    ?.Statement.map(({ Sid }) => Sid);
}
