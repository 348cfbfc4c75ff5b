import { type Command, Option } from "commander";
import { PosternError } from "#lib/base/errors.ts";
import { formatHostPort } from "#lib/base/host-port.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { checkEndpointVariables } from "#lib/stage/endpoint-variables.ts";
import { parseStageName } from "#lib/stage/stage-name.ts";
import type { CommandContext } from "../command-context.ts";
import { parseRemotePort } from "../options/numbers.ts";
import { openStage, type StageTarget } from "../target.ts";
import type { TransportFlags } from "./transport-options.ts";

/** Where a tunnel goes. */
export type Destination = StageDestination | TargetDestination;

type Database = { readonly host: string; readonly port: number };

export type StageDestination = {
  readonly kind: "stage";
  /** What people call it. */
  readonly name: string;
  readonly database: Database;
  readonly access: AwsAccess;
  readonly stage: StageTarget;
};

export type TargetDestination = {
  readonly kind: "target";
  readonly name: string;
  readonly database: Database;
  readonly access: AwsAccess;
  /** Of SSM; absent for other transports. */
  readonly target: string | undefined;
};

type DestinationFlags = {
  readonly stage?: string;
  readonly data?: string;
  readonly target?: string;
  readonly host?: string;
  readonly remotePort?: number;
};

/** Gives a verb the flag that names a stage. */
export function addStageOption(command: Command): Command {
  return command
    .addOption(new Option("--stage <name>", "the database of this stage, by its manifest").env("POSTERN_STAGE"))
    .addOption(
      new Option("--data <dir>", "data folder of the local stage (default: .postern/local)").env("POSTERN_DATA"),
    );
}

/** Gives a verb the flags that say where a tunnel goes. */
export function addDestinationOptions(command: Command): Command {
  return addFarEndOptions(addStageOption(command));
}

/** Gives a verb the flags that name a database without a stage. */
export function addFarEndOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--target <id>", "without a stage: the instance to go through, i-… or mi-…").env("POSTERN_TARGET"),
    )
    .addOption(new Option("--host <name>", "without a stage: the database, as it is called there").env("POSTERN_HOST"))
    .addOption(
      new Option("--remote-port <number>", "without a stage: the database's port")
        .env("POSTERN_REMOTE_PORT")
        .argParser(parseRemotePort),
    );
}

/**
 * Finds where the flags say, and prints it before anything acts.
 *
 * @throws PosternError `usage.invalid` for both kinds, none, or half of one; `config.invalid` for an endpoint of AWS that is no URL; `stage.no-tunnel`; those of `openStage`
 */
export async function openDestination(
  command: Command,
  transport: TransportFlags,
  context: CommandContext,
): Promise<Destination> {
  const flags = command.opts<DestinationFlags>();
  const stage = chooseStage(command, flags);
  if (stage !== undefined) return await openStageDestination(stage, flags.data, transport, context);
  const destination = readTarget(flags, transport);
  if (transport.transport === "ssm") checkEndpointVariables(context.env);
  const { database, target } = destination;
  const through = target === undefined ? "" : ` through ${target}`;
  context.output.note(`target: ${formatHostPort(database)}${through}`);
  return destination;
}

/** @throws PosternError `stage.no-tunnel` for a stage without a bastion; those of `openStage` */
export async function openStageDestination(
  name: string,
  data: string | undefined,
  { transport }: TransportFlags,
  context: CommandContext,
): Promise<StageDestination> {
  const stage = await openStage(parseStageName(name), data, context);
  const { manifest, access } = stage;
  if (transport === "ssm" && (manifest.tunnel === undefined || manifest.bastions.length === 0)) {
    throw noTunnel(name);
  }
  const { host, port } = manifest.database;
  return { kind: "stage", name, database: { host, port }, access, stage };
}

export function noTunnel(stage: string): PosternError {
  return new PosternError("stage.no-tunnel", `The stage ${stage} has no bastion that carries sessions.`);
}

/** The command line wins over the environment; a stage and a target from the same place are a contradiction. */
function chooseStage(command: Command, { stage, target, host, remotePort }: DestinationFlags): string | undefined {
  const given = Object.entries({ target, host, remotePort }).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  );
  if (stage === undefined || given.length === 0) return stage;
  const stageIsTyped = command.getOptionValueSource("stage") === "cli";
  const targetIsTyped = given.some((name) => command.getOptionValueSource(name) === "cli");
  if (stageIsTyped === targetIsTyped) {
    throw new PosternError(
      "usage.invalid",
      "--stage and --target, --host or --remote-port were given: expected a stage, which knows them, or those without it.",
    );
  }
  return stageIsTyped ? stage : undefined;
}

function readTarget(flags: DestinationFlags, { transport, sshHost }: TransportFlags): TargetDestination {
  const { target, host, remotePort: port } = flags;
  const missing = [
    ...(transport === "ssm" && target === undefined ? ["--target i-…"] : []),
    ...(host === undefined ? ["--host NAME"] : []),
    ...(port === undefined ? ["--remote-port PORT"] : []),
  ];
  if (target === undefined && host === undefined && port === undefined) {
    throw new PosternError(
      "usage.invalid",
      "No target was given: expected --stage, or --target, --host and --remote-port.",
    );
  }
  if (host === undefined || port === undefined || missing.length > 0) {
    throw new PosternError("usage.invalid", `Without --stage this is missing: ${missing.join(", ")}.`);
  }
  if (transport !== "ssm" && target !== undefined) {
    throw new PosternError("usage.invalid", `--target goes with --transport ssm, not with ${transport}.`);
  }
  if (target !== undefined && !/^(?:m?i-\w+|ecs:\S+)$/u.test(target)) {
    throw new PosternError(
      "usage.invalid",
      `--target ${JSON.stringify(target)}: expected an instance's id, i-… or mi-….`,
    );
  }
  if (!/^[\w.:-]+$/u.test(host)) {
    throw new PosternError("usage.invalid", `--host ${JSON.stringify(host)}: expected a host name or an address.`);
  }
  const name = target ?? sshHost ?? host;
  return { kind: "target", name, database: { host, port }, access: { source: "environment" }, target };
}
