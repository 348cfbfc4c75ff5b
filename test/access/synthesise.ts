import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Template } from "aws-cdk-lib/assertions";
import { createAccessApp } from "../../infra/access/app.ts";
import { stackName } from "../../infra/access/names.ts";
import { contextKey } from "../../infra/access/settings.ts";
import { settings as example } from "./settings.ts";

export type Statement = {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal?: unknown;
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
};
export type PolicyDocument = { readonly Version: "2012-10-17"; readonly Statement: readonly Statement[] };
export type Resource = { readonly Type: string; readonly Properties: Readonly<Record<string, unknown>> };

/** What CloudFormation is given for one account: `templates` as they are, the rest of all of them together. */
export type Synthesised = {
  readonly template: Template;
  readonly templates: readonly Synthesised["json"][];
  readonly json: { readonly Resources: Readonly<Record<string, Resource>> };
  /** Managed policies by their names. */
  readonly policies: ReadonlyMap<string, PolicyDocument>;
  /** Roles by their names, as CloudFormation is given them. */
  readonly roles: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** Trust policies of roles, by the roles' names. */
  readonly trusts: ReadonlyMap<string, PolicyDocument>;
};

let ofExample: ReadonlyMap<string, Synthesised> | undefined;

/** What the tests' own settings give, made once. By the accounts' names. */
export function synthesisedExample(): ReadonlyMap<string, Synthesised> {
  ofExample ??= synthesise();
  return ofExample;
}

/** Synthesises in this process, as `main.ts` does, and leaves nothing behind. By the accounts' names. */
export function synthesise(settings: unknown = example): ReadonlyMap<string, Synthesised> {
  const outdir = mkdtempSync(path.join(tmpdir(), "postern-access-"));
  try {
    const app = createAccessApp({ context: { [contextKey]: settings }, outdir });
    const assembly = app.synth();
    const { accounts } = settings as { readonly accounts: readonly { readonly name: string }[] };
    return new Map(
      accounts.map(({ name }) => {
        const first = stackName(name, "people");
        const ofAccount = assembly.stacks.filter(({ stackName: one }) => one === first || one.startsWith(`${first}-`));
        return [name, readStacks(ofAccount.map(({ template }) => template as Synthesised["json"]))];
      }),
    );
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

function readStacks(templates: readonly Synthesised["json"][]): Synthesised {
  const json = {
    Resources: Object.assign({}, ...templates.map(({ Resources }) => Resources)) as Synthesised["json"]["Resources"],
  };
  const named = (type: string, key: string) =>
    Object.values(json.Resources)
      .filter((one) => one.Type === type)
      .map(({ Properties: properties }) => [properties[key] as string, properties] as const);
  const roles = named("AWS::IAM::Role", "RoleName");
  return {
    template: Template.fromJSON(json),
    templates,
    json,
    policies: new Map(
      named("AWS::IAM::ManagedPolicy", "ManagedPolicyName").map(([name, properties]) => [
        name,
        properties["PolicyDocument"] as PolicyDocument,
      ]),
    ),
    roles: new Map(roles),
    trusts: new Map(roles.map(([name, role]) => [name, role["AssumeRolePolicyDocument"] as PolicyDocument])),
  };
}
