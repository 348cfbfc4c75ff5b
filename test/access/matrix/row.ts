import type { PolicyDocument, Synthesised } from "../synthesise.ts";
import { type Context, decide, type Decision } from "../evaluation/decide.ts";

type AccountName = "development" | "production";

/** Who asks, and by which policies. */
export type Principal = {
  /** As the printed matrix calls it. */
  readonly name: string;
  readonly account: AccountName;
  readonly arn: string;
  /** What AWS tells of it with every request. */
  readonly context: Context;
  /** Managed policies of this app, by their names. */
  readonly policies: readonly string[];
  /** What it has beside, from elsewhere. */
  readonly beside?: readonly PolicyDocument[];
  /** Name of the managed policy that is its boundary. */
  readonly boundary?: string;
};

export type Target = {
  readonly name: string;
  readonly arn: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** A role of this app, by its name: its trust policy has a say. */
  readonly role?: string;
  /** Its own policy, where that has a say: of a key. */
  readonly policy?: PolicyDocument;
  /** What AWS tells of requests for it. */
  readonly context?: Context;
};

/** Some who are to be treated alike. */
export type Group = { readonly name: string; readonly each: readonly Principal[] };

export type Row = {
  readonly as: Principal | Group;
  readonly action: string;
  /** Each of them is asked for: the request is allowed when all are. */
  readonly on: Target | readonly Target[];
  readonly with?: Context;
  readonly decision: Decision;
  readonly because: string;
};

/** Allowed; denied, because nothing allows it; denied whatever else may allow it. */
export const allow = decided("allow");
export const deny = decided("deny");
export const never = decided("explicit deny");

function decided(decision: Decision) {
  return (as: Row["as"], action: string, on: Row["on"], because: string, given: Context = {}): Row => ({
    as,
    action,
    on,
    with: given,
    decision,
    because,
  });
}

/** The policies that a row is evaluated with; a mutant replaces one of them. */
export type Stacks = ReadonlyMap<string, Pick<Synthesised, "policies" | "trusts">>;

/** What is decided for each of those whom a row is about. */
export async function evaluateRow({ as, ...asked }: Row, stacks: Stacks): Promise<readonly Decided[]> {
  const principals = "each" in as ? as.each : [as];
  return Promise.all(
    principals.map(async (principal) => ({ principal, decision: await evaluate(principal, asked, stacks) })),
  );
}

export type Decided = { readonly principal: Principal; readonly decision: Decision };

async function evaluate(
  as: Principal,
  { action, on, with: given = {} }: Omit<Row, "as">,
  stacks: Stacks,
): Promise<Decision> {
  const stack = stacks.get(as.account);
  if (stack === undefined) throw new Error(`No account ${as.account} was synthesised.`);
  const find = (name: string) => named(stack.policies, name);
  const decisions = await Promise.all(
    [on].flat().map(async ({ arn, tags = {}, role, policy, context = {} }) =>
      decide({
        principal: as.arn,
        action,
        resource: arn,
        accountId: accountIds[as.account],
        context: { ...as.context, ...context, ...given },
        tags,
        policies: [...as.policies.map(find), ...(as.beside ?? [])],
        resourcePolicy: role === undefined ? policy : named(stack.trusts, role),
        ...(as.boundary === undefined ? {} : { boundary: find(as.boundary) }),
      }),
    ),
  );
  return decisions.find((one) => one === "explicit deny") ?? decisions.find((one) => one === "deny") ?? "allow";
}

function named(documents: ReadonlyMap<string, PolicyDocument>, name: string): PolicyDocument {
  const document = documents.get(name);
  if (document === undefined) throw new Error(`There is no ${name}; there are ${[...documents.keys()].join(", ")}.`);
  return document;
}

export const accountIds = { development: "111111111111", production: "222222222222" } as const satisfies Record<
  AccountName,
  string
>;
