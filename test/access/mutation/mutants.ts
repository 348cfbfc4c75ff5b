import type { PolicyDocument, Statement } from "../synthesise.ts";

/** A policy with one thing changed that somebody could lose, or write too wide. */
export type Mutant = {
  /** Statement, and what was done to it. */
  readonly name: string;
  /** Actions of the statement: no other decision can change. */
  readonly actions: readonly string[];
  readonly document: PolicyDocument;
  /** Whether one of several actions is gone, and nothing else. */
  readonly losesAction: boolean;
};

type Change = { readonly what: string; readonly to: readonly Statement[]; readonly losesAction?: boolean };

/**
 * Every mutant of a policy, of these kinds:
 *
 * 1. The statement is gone.
 * 2. One key of its condition is gone, or one of several values.
 * 3. A condition that is let be where its key is missing (`…IfExists`) is not let be.
 * 4. One of several actions or resources is gone.
 * 5. A resource is `*`; or one variable in it is.
 * 6. A resource of any region is of one.
 */
export function* mutantsOf({ Version, Statement }: PolicyDocument): Generator<Mutant> {
  for (const [index, statement] of Statement.entries()) {
    for (const { what, to, losesAction = false } of changesOf(statement)) {
      yield {
        name: `${statement.Sid ?? index}: ${what}`,
        actions: listOf(statement.Action),
        document: { Version, Statement: Statement.toSpliced(index, 1, ...to) },
        losesAction,
      };
    }
  }
}

function* changesOf(statement: Statement): Generator<Change> {
  yield { what: "without the statement", to: [] };
  for (const [operator, keys] of Object.entries(statement.Condition ?? {})) {
    for (const { what, condition } of changesOfCondition(operator, keys)) {
      const Condition = { ...statement.Condition };
      delete Condition[operator];
      yield { what, to: [{ ...statement, Condition: { ...Condition, ...condition } }] };
    }
  }
  for (const part of ["Action", "Resource"] as const) {
    for (const { gone, rest } of oneLess(listOf(statement[part]))) {
      yield {
        what: `without ${part} ${gone}`,
        to: [{ ...statement, [part]: rest }],
        losesAction: part === "Action",
      };
    }
  }
  yield* widened(statement);
}

type Condition = NonNullable<Statement["Condition"]>;
type Keys = Condition[string];

function* changesOfCondition(operator: string, keys: Keys): Generator<{ what: string; condition: Condition }> {
  const strict = operator.replace(/IfExists$/, "");
  if (strict !== operator) yield { what: `${strict} for ${operator}`, condition: { [strict]: keys } };
  for (const [key, value] of Object.entries(keys)) {
    const others = Object.fromEntries(Object.entries(keys).filter(([one]) => one !== key));
    const condition = Object.keys(others).length === 0 ? {} : { [operator]: others };
    yield { what: `without ${operator} ${key}`, condition };
    for (const { gone, rest } of oneLess(listOf(value))) {
      yield { what: `without ${key} ${gone}`, condition: { [operator]: { ...others, [key]: rest } } };
    }
  }
}

function* widened(statement: Statement): Generator<Change> {
  const resources = listOf(statement.Resource);
  for (const resource of resources.filter((one) => one !== "*")) {
    const variables = resource.match(/\$\{[^}]+\}/g) ?? [];
    const wider = ["*", ...variables.map((variable) => resource.replace(variable, "*"))];
    const narrower = /^arn:[^:]*:[^:]*:\*:/.test(resource) ? [resource.replace(":*:", ":eu-central-1:")] : [];
    for (const other of [...wider, ...narrower]) {
      const Resource = resources.map((one) => (one === resource ? other : one));
      yield { what: `${other} for ${resource}`, to: [{ ...statement, Resource }] };
    }
  }
}

/** One of several is gone; of one alone nothing is. */
function oneLess(values: readonly string[]): { readonly gone: string; readonly rest: readonly string[] }[] {
  if (values.length < 2) return [];
  return values.map((gone) => ({ gone, rest: values.filter((one) => one !== gone) }));
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : [value].flat();
}
