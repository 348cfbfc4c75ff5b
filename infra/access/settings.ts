import * as v from "valibot";
import { isStageName, localStageName, stageNameRule } from "#lib/contract.ts";
import { baselineName, ciRoleName, stackNames } from "./names.ts";
import { findWrongEnvironments } from "./settings/environments.ts";
import { byName, exactly, isAboutKey } from "./settings/keys.ts";
import { AccessSettingsRefused } from "./settings/refused.ts";

/** The context value that all of this is read from: in `cdk.json`, or given with `-c`. */
export const contextKey = "postern:access";

const flag = v.boolean("expected true or false");
const text = v.pipe(v.string("expected text"), v.minLength(1, "expected text"));
const matching = (pattern: RegExp, expected: string) => v.pipe(v.string(expected), v.regex(pattern, expected));
const numberAsText = matching(/^[1-9]\d*$/, "expected GitHub's number, as text");

const stage = exactly({
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

/** Characters of a role's name. */
const maxRoleName = 64;

const environmentName = v.pipe(
  matching(/^[a-z](?:-?[a-z0-9])*$/, "expected an environment, as pull-requests"),
  v.check(
    (name) => ciRoleName(name).length <= maxRoleName,
    `expected at most ${maxRoleName - ciRoleName("").length} characters: its role is ${ciRoleName("…")}, and IAM takes ${maxRoleName}`,
  ),
);

/** Of the repository's environments on GitHub; jobs of each have a role here. */
const environment = exactly({
  /** Its jobs deploy and remove these. Default: none. */
  deploys: v.optional(v.array(stageOrMore, "expected a list of stages"), []),
  /** Its jobs apply migrations to these, and do nothing else. Default: none. */
  migrates: v.optional(v.array(stageOrMore, "expected a list of stages"), []),
  /** Only jobs of this branch. Default: of any, as pull requests need; a protected stage needs one. */
  branch: v.optional(text),
});

const audit = exactly({
  /** Who is told of sessions that may lead to a protected stage; AWS asks to confirm. Default: nobody, and the log alone has them. */
  email: v.optional(v.pipe(v.string("expected an e-mail address"), v.email("expected an e-mail address"))),
  /**
   * Session Manager's preferences for the account and region: shells of all its instances are encrypted and written down. Refused by AWS
   * where there are some already. Default: false.
   */
  sessionPreferences: v.optional(flag, false),
});

const account = exactly({
  /** What people call it; the end of its stack's name. */
  name: matching(/^[a-z](?:-?[a-z0-9])*$/, "expected lower-case letters, digits and single hyphens"),
  id: matching(/^\d{12}$/, "expected an account's twelve digits, as text"),
  /** Where its stages are. */
  region: matching(/^[a-z]{2}(?:-[a-z]+)+-\d$/, "expected a region, as eu-central-1"),
  /** Default: `aws`. */
  partition: v.optional(v.picklist(["aws", "aws-cn", "aws-us-gov"], "expected aws, aws-cn or aws-us-gov"), "aws"),
  /** Who may break the glass of its protected stages. Default: nobody. */
  breakGlass: v.optional(
    exactly({
      /** Users of IAM, with their paths where they have one; they show a second factor. */
      users: v.optional(v.array(matching(/^[\w+=,.@/-]+$/, "expected the name of a user"), "expected a list of users")),
      /** A permission set of Identity Center; who has it is said there. */
      permissionSet: v.optional(matching(/^[\w+=,.@-]{1,32}$/, "expected the name of a permission set")),
    }),
  ),
  stages: byName(stageName, stage, "expected the account's stages by their names"),
  /** By their names on GitHub. Default: none, and CI has no role. */
  environments: v.optional(
    byName(environmentName, environment, "expected the account's environments by their names"),
    {},
  ),
  audit: v.optional(audit, {}),
});

const schema = v.pipe(
  exactly({
    /** Whose workflows deploy. The numbers outlast a change of the names, and are in the `sub` that GitHub signs since July 2026. */
    repository: exactly({ owner: text, ownerId: numberAsText, name: text, id: numberAsText }),
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
    const named = new Map(accounts.map((one) => [one.name, one]));
    for (const twice of findTwice([...named.values()].flatMap(stackNames))) {
      addIssue({ message: `accounts: two of them would have the stack ${twice}; expected names that differ in more` });
    }
    for (const { name, region, partition } of accounts) {
      const own = partitionOf(region);
      if (partition !== own)
        addIssue({ message: `accounts: ${name}: ${region} is a region of ${own}; expected the partition ${own}` });
    }
    for (const message of accounts.flatMap(findWrongEnvironments)) addIssue({ message });
    for (const twice of findTwice(accounts.flatMap((one) => Object.keys(one.stages)))) {
      addIssue({ message: `accounts: the stage ${twice} is in two of them; expected one` });
    }
    const databases = accounts.flatMap((one) => Object.values(one.stages).flatMap(({ databaseId = [] }) => databaseId));
    for (const twice of findTwice(databases)) {
      addIssue({ message: `accounts: the database ${twice} is that of two stages; expected one` });
    }
  }),
);

export type AccessSettings = v.InferOutput<typeof schema>;
export type Account = AccessSettings["accounts"][number];

/**
 * The settings, from a context value that is not yet checked. Pure.
 *
 * @param value an object, or the JSON that `-c` gives
 * @throws AccessSettingsRefused with every problem
 */
export function parseAccessSettings(value: unknown): AccessSettings {
  const parsed = v.safeParse(schema, fromCommandLine(value));
  if (parsed.success) return parsed.output;
  throw refused(parsed.issues.map(describe));
}

function describe(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  if (isAboutKey(issue)) return `${path} ${issue.message}`;
  const said = path === null ? issue.message : `${path}: ${issue.message}`;
  return issue.type === "raw_check" ? said : `${said} (seen: ${shorten(issue.received)})`;
}

function fromCommandLine(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    throw refused([`expected JSON (seen: ${shorten(JSON.stringify(value))})`]);
  }
}

function refused(problems: readonly string[]): AccessSettingsRefused {
  const where = `The context value ${contextKey} (infra/access/cdk.json) is refused; nothing was made:`;
  return new AccessSettingsRefused([where, ...problems.map((problem) => `  - ${problem}`)].join("\n"));
}

/** A policy with ARNs of another partition would deny nothing in this one. */
function partitionOf(region: string): Account["partition"] {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}

function shorten(seen: string): string {
  const maxSeen = 60;
  return seen.length > maxSeen ? `${seen.slice(0, maxSeen)}…` : seen;
}

function findTwice(values: readonly string[]): string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}
