import { join, relative, resolve } from "node:path";
import { type Command, Option } from "commander";
import { PosternError } from "#lib/base/errors.ts";
import { roleNames } from "#lib/contract.ts";
import { checkLocalStage } from "#lib/local/stage/check.ts";
import { type LocalStage, startLocalStage } from "#lib/local/stage/stage.ts";
import type { Step } from "#lib/local/stage/steps.ts";
import type { CommandContext } from "../command-context.ts";
import { parsePort } from "../options/numbers.ts";
import { describeRequester } from "../provenance.ts";
import { breakStage, mendStage } from "../local/break-stage.ts";
import { quoteShell } from "../quote-shell.ts";
import { dataFlag, stageFlags } from "../stage-flags.ts";
import { alignColumns, type Style } from "../style.ts";

type LocalFlags = {
  readonly check?: boolean;
  readonly fresh?: boolean;
  readonly break?: string | true;
  readonly mend?: boolean;
  readonly data?: string;
  readonly port: number;
  readonly awsPort: number;
  readonly healthPort: number;
};

const help = `
Starts a real PostgreSQL (TLS, SCRAM), the functions under AWS's own runtime client, and an AWS endpoint; sets up the
roles, migrates, seeds, and stays until Ctrl-C. Then every verb acts on it with --stage local. Data stays in the data
folder between starts.

With --check, everything happens on free ports in a temporary folder and is taken down again; the other flags do not
apply.

With --break NAME the stage that runs on the data folder is broken, as AWS can be: somebody stops the bastion, a route is
lost, a security group is changed. Nothing is pretended: what no longer works is what would not work in AWS, and what
repairs it there (repair-nat, or the AWS command line) repairs it here. --break alone lists what there is; --mend puts
everything back.

Exit code: 0 stopped or all checks passed, 1 a stage is running already, 2 it could not be started,
130/143 ended by SIGINT/SIGTERM.

Examples:
  $ postern local
  $ postern local --fresh --port 0
  $ postern local --break bastion-address
  $ postern local --mend
  $ postern local --check --json`;

const defaultPorts = { database: 54_320, aws: 54_321, health: 54_322 } as const;

export function registerLocal(command: Command, context: CommandContext): void {
  command
    .addOption(new Option("--check", "bring everything up in a temporary folder, and down again").env("POSTERN_CHECK"))
    .addOption(new Option("--fresh", "Danger: remove the stage's data first").env("POSTERN_FRESH"))
    .addOption(
      new Option("--break [name]", "break the stage that runs; without a name: list the breaks").env("POSTERN_BREAK"),
    )
    .addOption(new Option("--mend", "mend all of it").env("POSTERN_MEND"))
    .addOption(
      new Option("--data <dir>", "data folder, empty or missing at first (default: .postern/local)").env(
        "POSTERN_DATA",
      ),
    )
    .addOption(portOption("--port <number>", "port of PostgreSQL", "POSTERN_PORT", defaultPorts.database))
    .addOption(portOption("--aws-port <number>", "port of the AWS endpoint", "POSTERN_AWS_PORT", defaultPorts.aws))
    .addOption(
      portOption("--health-port <number>", "port of the health URL", "POSTERN_HEALTH_PORT", defaultPorts.health),
    )
    .addHelpText("after", help)
    .action(async () => {
      const flags = command.opts<LocalFlags>();
      if (flags.break !== undefined || flags.mend === true) return await tinker(flags, context);
      await (flags.check === true ? check(context) : run(flags, context));
    });
}

function portOption(flags: string, description: string, variable: string, port: number): Option {
  return new Option(flags, `${description} (0: any free one)`).default(port).argParser(parsePort).env(variable);
}

/** On a stage that another process runs. */
async function tinker(flags: LocalFlags, context: CommandContext): Promise<void> {
  const others = [
    ["--check", flags.check],
    ["--fresh", flags.fresh],
    ["--mend", flags.break !== undefined && flags.mend],
  ].flatMap(([flag, isGiven]) => (isGiven === true ? [flag] : []));
  if (others.length > 0) {
    const flag = flags.break === undefined ? "--mend" : "--break";
    throw new PosternError("usage.invalid", `${flag} and ${others.join(" and ")} exclude each other.`);
  }
  const stage = { dataDir: dataFolder(flags, context), flags: dataFlag(flags.data) };
  return await (flags.break === undefined ? mendStage(stage, context) : breakStage(flags.break, stage, context));
}

function dataFolder({ data }: LocalFlags, { root }: CommandContext): string {
  return data === undefined ? join(root, ".postern", "local") : resolve(data);
}

async function check({ root, signal, output, endWith }: CommandContext): Promise<void> {
  const onStep = (step: Step) => output.note(describeStep(step));
  const result = await checkLocalStage({ root, requestedBy: describeRequester(), onStep, signal });
  output.result(result, ({ ok }, style) =>
    ok ? style.good("ok: the whole local stage came up, worked and went down") : style.bad("failed"),
  );
  const error = result.steps.find(({ ok }) => !ok)?.error;
  if (error === undefined) return;
  if (!output.json) output.error(error);
  endWith(PosternError.fromDocument(error).exitCode);
}

/** Two parts cannot listen on one port. */
function assertDistinctPorts(flags: LocalFlags): void {
  const chosen = [
    ["--port", flags.port],
    ["--aws-port", flags.awsPort],
    ["--health-port", flags.healthPort],
  ] as const;
  for (const [index, [flag, port]] of chosen.entries()) {
    const [other] = chosen.slice(0, index).find(([, earlier]) => earlier === port && port !== 0) ?? [];
    if (other === undefined) continue;
    throw new PosternError("usage.invalid", `${other} and ${flag} are both ${port}.`, {
      hint: "Give each a port of its own (0: any free one).",
    });
  }
}

/** Starts the stage and stays with it until a signal comes or its database is gone. */
async function run(flags: LocalFlags, context: CommandContext): Promise<void> {
  const { root, signal, output } = context;
  assertDistinctPorts(flags);
  await using stage = await startLocalStage({
    root,
    dataDir: dataFolder(flags, context),
    ports: { database: flags.port, aws: flags.awsPort, health: flags.healthPort },
    fresh: flags.fresh ?? false,
    requestedBy: describeRequester(),
    onStep: (step) => output.note(describeStep(step)),
    signal,
  });
  output.result(summarize(stage), (_summary, style) => describeStage(stage, flags, style));

  const stopped = Promise.withResolvers<"stopped">();
  signal.addEventListener("abort", () => stopped.resolve("stopped"), { once: true });
  if (signal.aborted) stopped.resolve("stopped");
  const reason = await Promise.race([stopped.promise, stage.databaseExited]);
  if (reason !== "stopped") {
    const log = join(stage.dataDir, "postgres.log");
    throw new PosternError("process.failed", "PostgreSQL has ended, so the stage ends too.", { hint: `See ${log}.` });
  }
  output.note("stopping …");
}

function describeStep({ name, ok, ms, note }: Step): string {
  const line = `${ok ? "✓" : "✗"} ${name.padEnd(9)} ${String(ms).padStart(6)} ms`;
  return note === undefined ? line : `${line}  ${note}`;
}

function summarize({ database, awsUrl, healthUrl, passwordFile, dataDir, ms }: LocalStage) {
  return {
    stage: "local",
    pid: process.pid,
    ms,
    healthUrl: `${healthUrl}/api/health`,
    database: { host: database.host, port: database.port, name: database.name, caFile: database.caFile, passwordFile },
    awsUrl,
    dataDir,
  };
}

function describeStage(stage: LocalStage, { data }: LocalFlags, style: Style): string {
  const { database, passwordFile, ms } = stage;
  const conninfo = [
    `host=${database.host} port=${database.port} dbname=${database.name} user=${roleNames.readonly}`,
    `sslmode=verify-full sslrootcert=${quoteConninfo(database.caFile)}`,
  ].join(" ");
  const target = stageFlags("local", data);
  const rows = [
    ["health", `${stage.healthUrl}/api/health`],
    ["psql", `PGPASSFILE=${quoteShell(passwordFile)} \\`],
    ["", `psql ${quoteShell(conninfo)}`],
    ["roles", "postern_readonly, postern_app, postern_migrator … (passwords in that file)"],
    ["data", `${fromHere(stage.dataDir)}, logs in it`],
    ["next", `npm run status  -- ${target}`],
    ["", `npm run migrate -- ${target}`],
    ["", `npm run seed    -- ${target} --set demo`],
    ["", `npm run psql    -- ${target}`],
    ["", `npm run health  -- ${target}`],
  ];
  return [
    "",
    `${style.good("The local stage is up")} ${style.dim(`(${(ms / 1000).toFixed(1)} s; Ctrl-C stops it)`)}`,
    "",
    ...alignColumns(rows).map((row) => `  ${row}`),
  ].join("\n");
}

/** Relative where that is shorter to read. */
function fromHere(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}

/** A value in libpq's `keyword=value` form. */
function quoteConninfo(value: string): string {
  return /^[\w/.:-]+$/u.test(value) ? value : `'${value.replaceAll(/[\\']/gu, String.raw`\$&`)}'`;
}
