import { boundaryName } from "#lib/contract.ts";
import { policyNames } from "../../../infra/access/names.ts";
import { matrix } from "../matrix/all.ts";
import { evaluateRow, type Row, type Stacks } from "../matrix/row.ts";
import type { PolicyDocument } from "../synthesise.ts";
import { mutantsOf } from "./mutants.ts";

export type Hunted = {
  /** Policy or role, statement, and what was done to it. */
  readonly name: string;
  /** The first row that fails; undefined where none does. */
  readonly caughtBy: Row | undefined;
};

type Kind = "policies" | "trusts";
type Accounts = ReadonlyMap<string, Readonly<Record<Kind, ReadonlyMap<string, PolicyDocument>>>>;

type Target = {
  readonly kind: Kind;
  readonly name: string;
  readonly includes: (name: string) => boolean;
  /** Mutants that lose one action of many are left out: a deploy asks for hundreds, and no row says of which it can do without. */
  readonly losesNoAction?: boolean;
};

/** Whose mutants are hunted: what is made alike for each account, stage or environment is changed in all of them at once. */
const hunted: readonly Target[] = [
  ...Object.values(policyNames).map((name) => ({
    kind: "policies" as const,
    name,
    includes: (other: string) => other === name,
  })),
  { kind: "trusts", name: "PosternBreakGlass", includes: (other: string) => other.startsWith("PosternBreakGlass-") },
  ...["preview", "production", "production-migrate"].map((environment) => ({
    kind: "trusts" as const,
    name: `postern-access-ci-${environment}`,
    includes: (other: string) => other === `postern-access-ci-${environment}`,
  })),
  ...["state", "functions", "network", "tags", "database", "roles"].map((part) => ({
    kind: "policies" as const,
    name: `postern-access-ci-…-${part}`,
    includes: (other: string) => other.startsWith("postern-access-ci-") && other.endsWith(`-${part}`),
    losesNoAction: true,
  })),
  { kind: "policies", name: boundaryName, includes: (other: string) => other === boundaryName },
];

/** Every mutant, with the row of the matrix that catches it. */
export async function huntMutants(stacks: Accounts): Promise<readonly Hunted[]> {
  const found: Hunted[] = [];
  for (const target of hunted) {
    for (const [mutant, changed] of changesByName(stacks, target)) {
      found.push({ name: `${target.name}, ${mutant}`, caughtBy: await findFailing(changed, target, stacks) });
    }
  }
  return found;
}

type Changed = {
  readonly actions: readonly string[];
  /** By account and name. */
  readonly documents: Map<string, PolicyDocument>;
};

function changesByName(
  stacks: Accounts,
  { kind, includes, losesNoAction = false }: Target,
): ReadonlyMap<string, Changed> {
  const changes = new Map<string, Changed>();
  for (const [account, stack] of stacks) {
    for (const [name, document] of stack[kind]) {
      if (!includes(name)) continue;
      for (const mutant of mutantsOf(document)) {
        if (losesNoAction && mutant.losesAction) continue;
        // What differs between accounts alone, as their numbers, makes no other mutant.
        const key = mutant.name.replaceAll(/\b\d{12}\b/g, "ACCOUNT");
        const changed = changes.get(key) ?? { actions: mutant.actions, documents: new Map<string, PolicyDocument>() };
        changed.documents.set(`${account} ${name}`, mutant.document);
        changes.set(key, changed);
      }
    }
  }
  return changes;
}

function replace(stacks: Accounts, kind: Kind, documents: ReadonlyMap<string, PolicyDocument>): Stacks {
  const replaced = [...stacks].map(([account, stack]) => {
    const own = [...stack[kind]].map(
      ([name, document]) => [name, documents.get(`${account} ${name}`) ?? document] as const,
    );
    return [account, { policies: stack.policies, trusts: stack.trusts, [kind]: new Map(own) }] as const;
  });
  return new Map(replaced);
}

async function findFailing(
  { actions, documents }: Changed,
  { kind, includes }: Target,
  stacks: Accounts,
): Promise<Row | undefined> {
  const replaced = replace(stacks, kind, documents);
  for (const row of Object.values(matrix).flat()) {
    const concerned = actions.some((one) => isMeant(row.action, one)) ? concern(row, kind, includes) : undefined;
    if (concerned === undefined) continue;
    const decided = await evaluateRow(concerned, replaced);
    if (decided.some(({ decision }) => decision !== row.decision)) return row;
  }
  return undefined;
}

/** Whether an action is one that a statement names, which may end with `*`. */
function isMeant(action: string, named: string): boolean {
  return named.endsWith("*") ? action.startsWith(named.slice(0, -1)) : action === named;
}

/** The row for those alone whose policies, or roles, are changed: for others nothing is. */
function concern(row: Row, kind: Kind, includes: (name: string) => boolean): Row | undefined {
  if (kind === "trusts") return [row.on].flat().some(({ role = "" }) => includes(role)) ? row : undefined;
  const principals = "each" in row.as ? row.as.each : [row.as];
  const each = principals.filter(({ policies, boundary = "" }) => [...policies, boundary].some(includes));
  return each.length === 0 ? undefined : { ...row, as: { name: row.as.name, each } };
}
