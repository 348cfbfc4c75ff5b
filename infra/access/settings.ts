import * as v from "valibot";
import { isStageName, localStageName, stageNameRule } from "#lib/contract.ts";

/** The context value that all of this is read from: in `cdk.json`, or given with `-c`. */
export const contextKey = "postern:access";

const flag = v.boolean("expected true or false");
const text = v.pipe(v.string("expected text"), v.minLength(1, "expected text"));
const matching = (pattern: RegExp, expected: string) => v.pipe(v.string(expected), v.regex(pattern, expected));
const numberAsText = matching(/^[1-9]\d*$/, "expected GitHub's number, as text");

const stage = v.strictObject({
  /** Nobody reaches it but by breaking glass. As `postern.config.ts` has it. */
  protected: flag,
  /**
   * `DbiResourceId` of its database, which is there after the first deploy. Default: none, and nobody logs in with IAM.
   * `rds-db:connect` knows a database by nothing else: neither its name nor its tags.
   */
  databaseId: v.optional(
    matching(/^db-[A-Z0-9]{1,255}$/, "expected the resource id of a database, as db-ABCDEFGHIJKL01234"),
  ),
});

/** A stage of this name would have what the baseline has: `postern-access-…`. */
const baselineName = "access";

const stageName = v.pipe(
  v.string(),
  v.check(isStageName, `expected a stage: ${stageNameRule}`),
  v.check((name) => name !== localStageName, `expected another stage: ${localStageName} is never deployed`),
  v.check((name) => name !== baselineName, `expected another stage: ${baselineName} is the baseline's own name`),
);

/** A stage, or the beginning of the names of several. */
const stageOrMore = v.pipe(
  v.string("expected a stage, or the beginning of stages, as pr-*"),
  v.check(
    (name) => isStageName(name.endsWith("-*") ? name.slice(0, -2) : name),
    "expected a stage, or the beginning of stages, as pr-*",
  ),
  v.check((name) => name !== baselineName, `expected another stage: ${baselineName} is the baseline's own name`),
);

/** Of the repository's environments on GitHub; jobs of each have a role here. */
const environment = v.strictObject({
  /** Its jobs deploy and remove these. Default: none. */
  deploys: v.optional(v.array(stageOrMore), []),
  /** Its jobs apply migrations to these, and do nothing else. Default: none. */
  migrates: v.optional(v.array(stageOrMore), []),
  /** Only jobs of this branch. Default: of any, as pull requests need; a protected stage needs one. */
  branch: v.optional(text),
});

const audit = v.strictObject({
  /** Who is told of sessions that may lead to a protected stage; AWS asks to confirm. Default: nobody, and the log alone has them. */
  email: v.optional(v.pipe(v.string(), v.email("expected an e-mail address"))),
  /**
   * Session Manager's preferences for the account and region: shells of all its instances are encrypted and written down. Refused by AWS
   * where there are some already. Default: false.
   */
  sessionPreferences: v.optional(flag, false),
});

const account = v.strictObject({
  /** What people call it; the end of its stack's name. */
  name: matching(/^[a-z](?:-?[a-z0-9])*$/, "expected lower-case letters, digits and single hyphens"),
  id: matching(/^\d{12}$/, "expected an account's twelve digits, as text"),
  /** Where its stages are. */
  region: matching(/^[a-z]{2}(?:-[a-z]+)+-\d$/, "expected a region, as eu-central-1"),
  /** Default: `aws`. */
  partition: v.optional(v.picklist(["aws", "aws-cn", "aws-us-gov"], "expected aws, aws-cn or aws-us-gov"), "aws"),
  /** Who may break the glass of its protected stages. Default: nobody. */
  breakGlass: v.optional(
    v.strictObject({
      /** Users of IAM, with their paths where they have one; they show a second factor. */
      users: v.optional(v.array(matching(/^[\w+=,.@/-]+$/, "expected the name of a user"))),
      /** A permission set of Identity Center; who has it is said there. */
      permissionSet: v.optional(matching(/^[\w+=,.@-]{1,32}$/, "expected the name of a permission set")),
    }),
  ),
  stages: v.record(stageName, stage, "expected the account's stages by their names"),
  /** By their names on GitHub. Default: none, and CI has no role. */
  environments: v.optional(
    v.record(matching(/^[a-z](?:-?[a-z0-9])*$/, "expected an environment, as pull-requests"), environment),
    {},
  ),
  audit: v.optional(audit, {}),
});

const schema = v.pipe(
  v.strictObject({
    /** Whose workflows deploy. The numbers outlast a change of the names, and are in the `sub` that GitHub signs since July 2026. */
    repository: v.strictObject({ owner: text, ownerId: numberAsText, name: text, id: numberAsText }),
    accounts: v.pipe(v.array(account, "expected a list of accounts"), v.minLength(1, "expected an account")),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { accounts } = dataset.value;
    for (const key of ["name", "id"] as const) {
      for (const twice of findTwice(accounts.map((one) => one[key]))) {
        addIssue({ message: `accounts: ${key} ${twice} is there twice; expected each once` });
      }
    }
    for (const message of accounts.flatMap(findReach)) addIssue({ message });
    for (const message of accounts.flatMap(findUnpinned)) addIssue({ message });
    for (const twice of findTwice(accounts.flatMap((one) => Object.keys(one.stages)))) {
      addIssue({ message: `accounts: the stage ${twice} is in two of them; expected one` });
    }
  }),
);

export type AccessSettings = v.InferOutput<typeof schema>;
export type Account = AccessSettings["accounts"][number];

/** Says everything that is wrong at once. */
class AccessSettingsRefused extends Error {
  override readonly name = "AccessSettingsRefused";
}

/**
 * The settings, from a context value that is not yet checked. Pure.
 *
 * @param value an object, or the JSON that `-c` gives
 * @throws AccessSettingsRefused with every problem
 */
export function parseAccessSettings(value: unknown): AccessSettings {
  const parsed = v.safeParse(schema, fromCommandLine(value));
  if (parsed.success) return parsed.output;
  const problems = parsed.issues.map((issue) => {
    const path = v.getDotPath(issue);
    const said = path === null ? issue.message : `${path}: ${issue.message}`;
    return `  - ${said}${issue.type === "raw_check" ? "" : ` (seen: ${issue.received})`}`;
  });
  const where = `The context value ${contextKey} (infra/access/cdk.json) is refused; nothing was made:`;
  throw new AccessSettingsRefused([where, ...problems].join("\n"));
}

/**
 * Names in ARNs end with what comes after the stage's: a role for the stage `eu` would reach what belongs to `eu-west`, and one for
 * `p-*` a protected stage that begins so.
 */
function findReach({ name, stages, environments }: v.InferOutput<typeof account>): string[] {
  return Object.entries(environments).flatMap(([environmentName, { deploys, migrates }]) =>
    [...new Set([...deploys, ...migrates])].flatMap((given) => {
      const beginning = given.endsWith("-*") ? given.slice(0, -1) : `${given}-`;
      return Object.keys(stages)
        .filter((one) => one.startsWith(beginning))
        .map(
          (one) =>
            `accounts: ${name}: the environment ${environmentName} with ${given} would reach the stage ${one}; expected a name that none begins with`,
        );
    }),
  );
}

/** Else what somebody pushes to a branch of his own is run with the rights to a protected stage. */
function findUnpinned({ name, stages, environments }: v.InferOutput<typeof account>): string[] {
  return Object.entries(environments).flatMap(([environmentName, { deploys, migrates, branch }]) => {
    if (branch !== undefined) return [];
    const reached = [...new Set([...deploys, ...migrates])].filter((one) => stages[one]?.protected === true);
    return reached.map(
      (one) =>
        `accounts: ${name}: the environment ${environmentName} is for jobs of any branch, and ${one} is protected; expected a branch`,
    );
  });
}

/** What is no JSON is left as it is: the schema then says what was expected. */
function fromCommandLine(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function findTwice(values: readonly string[]): string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}
