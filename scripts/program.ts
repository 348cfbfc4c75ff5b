import { Command, CommanderError, Option } from "commander";
import { PosternError } from "#lib/base/errors.ts";
import metadata from "../package.json" with { type: "json" };
import type { CommandContext, RegisterVerb } from "./command-context.ts";
import { refuseTakenFlags } from "./npm-flags.ts";
import { something } from "./options/something.ts";

type Verb = { readonly summary: string; readonly alias?: string; readonly load: () => Promise<RegisterVerb> };

/** In the order in which a newcomer needs them. */
const verbs: Readonly<Record<string, Verb>> = {
  local: {
    summary: "run the local stage: PostgreSQL, the functions and an AWS endpoint on this machine",
    load: async () => (await import("./commands/local.ts")).registerLocal,
  },
  setup: {
    summary: "create the database roles, or rotate the password of one",
    load: async () => (await import("./commands/setup.ts")).registerSetup,
  },
  plan: {
    summary: "say what migrate would do, which locks it takes and what may go wrong",
    load: async () => (await import("./commands/plan.ts")).registerPlan,
  },
  migrate: {
    summary: "apply the pending migrations",
    load: async () => (await import("./commands/migrate.ts")).registerMigrate,
  },
  push: {
    summary: "make the database what the schema file says, without migrations (unprotected stages only)",
    load: async () => (await import("./commands/push.ts")).registerPush,
  },
  seed: {
    summary: "insert a set of rows; what is there already stays",
    load: async () => (await import("./commands/seed.ts")).registerSeed,
  },
  status: {
    summary: "say which migrations are applied and which are pending",
    load: async () => (await import("./commands/status.ts")).registerStatus,
  },
  health: {
    summary: "check the database connection and the migrations",
    load: async () => (await import("./commands/health.ts")).registerHealth,
  },
  "ssm-tunnel": {
    summary: "open a local port to the database, which stays while the network comes and goes",
    load: async () => (await import("./commands/ssm-tunnel.ts")).registerSsmTunnel,
  },
  psql: {
    summary: "run psql on a stage's database",
    load: async () => (await import("./commands/psql.ts")).registerPsql,
  },
  doctor: {
    summary: "examine the way to the database, and name the one cause of what is broken",
    alias: "verify",
    load: async () => (await import("./commands/doctor.ts")).registerDoctor,
  },
  "repair-nat": {
    summary: "mend a stage's way out and its bastions: addresses, instances, routes, agents",
    load: async () => (await import("./commands/repair-nat.ts")).registerRepairNat,
  },
  build: {
    summary: "build the functions' bundles",
    load: async () => (await import("./commands/build.ts")).registerBuild,
  },
};

const programHelp = `
Target: --stage NAME acts through a deployed stage's functions, --url URL acts right here; never both.
Each flag has an environment variable; the command line wins over it, and an empty one counts as none. AWS_PROFILE, AWS_REGION
and AWS_ENDPOINT_URL work as in the AWS SDK.

Exit code: 0 done, 1 you must act, 2 it could not be done, 129/130/143 ended by SIGHUP/SIGINT/SIGTERM.

Examples:
  $ postern local
  $ postern migrate --stage local
  $ postern status --url postgres://me@localhost:5432/app --json`;

/**
 * The program with all verbs named and the typed one loaded: help and a typing error answer without loading
 * PostgreSQL and AWS clients.
 */
async function createProgram(args: readonly string[], context: CommandContext): Promise<Command> {
  const program = new Command("postern")
    .description("A private PostgreSQL on AWS that a team can migrate, seed, watch and reach.")
    .version(metadata.version, "-V, --version", "print the version")
    .addHelpText("after", programHelp);
  configure(program);

  const typed = findVerb(args);
  const registrations = Object.entries(verbs).map(async ([name, verb]) => {
    const command = program.command(name).summary(verb.summary);
    if (verb.alias !== undefined) command.alias(verb.alias);
    configure(command);
    if (name !== typed) return;
    const register = await verb.load();
    command.description(`${verb.summary.charAt(0).toUpperCase()}${verb.summary.slice(1)}.`);
    register(command, context);
    readVariables(command, context.env);
    refuseNothing(command);
    refuseTakenFlags(command, args, context.env);
  });
  await Promise.all(registrations);
  return program;
}

/**
 * Runs what `args` (without node and script) ask for.
 *
 * @throws PosternError `usage.invalid` for an unknown verb or flag; whatever the verb throws
 */
export async function runProgram(args: readonly string[], context: CommandContext): Promise<void> {
  try {
    const program = await createProgram(args, context);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return; // help or the version was asked for, and printed
    throw nameVerb(error instanceof CommanderError ? toUsageError(error) : error, findVerb(args));
  }
}

/** The hint of the error table leaves the verb open, for only here it is known. */
function nameVerb(error: unknown, verb: string | undefined): unknown {
  if (!(error instanceof PosternError) || error.hint?.includes("<verb>") !== true) return error;
  const help = verb !== undefined && Object.hasOwn(verbs, verb) ? `postern help ${verb}` : "postern help";
  return new PosternError(error.code, error.message, { hint: `See \`${help}\`.`, cause: error });
}

/** The program's own flags take no values, so the first word is the verb; `help` is followed by one. */
function findVerb(args: readonly string[]): string | undefined {
  const [first, second] = args.filter((arg) => !arg.startsWith("-"));
  const typed = first === "help" ? second : first;
  return Object.entries(verbs).find(([, { alias }]) => alias !== undefined && alias === typed)?.[0] ?? typed;
}

function toUsageError(error: CommanderError): PosternError {
  const isBare = error.code === "commander.help";
  const message = isBare ? "No verb was given." : error.message.replace(/^error: /, "").replaceAll("\n", " ");
  return new PosternError("usage.invalid", message, { hint: isBare ? "See `postern help`." : undefined });
}

function configure(command: Command): void {
  command
    .exitOverride()
    .showHelpAfterError(false)
    .configureHelp({ showGlobalOptions: false })
    // Errors are thrown (exitOverride) and printed by cli.ts, as JSON where that was asked for.
    .configureOutput({ outputError: () => {} })
    .addOption(new Option("--json", "print one JSON document on stdout").env("POSTERN_JSON"));
}

/**
 * commander takes any value of a switch's variable as "on"; `POSTERN_FRESH=0` must not wipe data. An empty variable is as good as
 * none, for that is what CI makes of an input that was left out.
 *
 * @throws PosternError `usage.invalid` for a value that is neither a yes nor a no
 */
function readVariables(command: Command, env: CommandContext["env"]): void {
  for (const subcommand of command.commands) readVariables(subcommand, env);
  for (const option of command.options) {
    const isSwitch = !option.required && !option.optional;
    const value = option.envVar === undefined ? undefined : env[option.envVar];
    if (value === undefined) continue;
    if (value === "" || (isSwitch && isFalse(value))) delete option.envVar;
    else if (isSwitch && !["1", "true", "yes", "on"].includes(value.toLowerCase())) {
      const message = `${option.envVar}=${value}: expected 1, true, yes or on; 0, false, no or off.`;
      throw new PosternError("usage.invalid", message);
    }
  }
}

/** A shell's variable that nobody set (`--set "$SET"`, `--data="$DIR"`) must not become a name or this folder. */
function refuseNothing(command: Command): void {
  for (const subcommand of command.commands) refuseNothing(subcommand);
  for (const option of command.options) {
    const takesValue = option.required || option.optional;
    if (takesValue && option.parseArg === undefined) option.argParser(something("a value"));
  }
}

/** True for a switch's variable that means "off". */
export function isFalse(value: string): boolean {
  return ["", "0", "false", "no", "off"].includes(value.toLowerCase());
}
