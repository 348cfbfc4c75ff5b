import { type Command, Option } from "commander";
import { PosternError } from "#lib/base/errors.ts";
import { stateFolderOf } from "#lib/tunnel/registry/state-folder.ts";
import type { CommandContext } from "../command-context.ts";
import { parsePort, wholeNumber } from "../options/numbers.ts";
import { accessHelp, addAccessOptions, chooseAccess } from "../psql/access-options.ts";
import { describeRequester } from "../provenance.ts";
import { addDestinationOptions, type Destination, openDestination } from "../tunnel/destination.ts";
import { detachedFlag, type DetachedTunnel, detachTunnel } from "../tunnel/detach.ts";
import { execThrough } from "../tunnel/exec.ts";
import { makeTransport } from "../tunnel/make-transport.ts";
import { registerList, registerStatus, registerStop } from "../tunnel/subcommands.ts";
import { addTransportOptions, readTransportFlags } from "../tunnel/transport-options.ts";
import { runTunnel, untilStopped } from "../tunnel/run-tunnel.ts";

const help = `
Opens a port on this machine that leads to the database, and keeps it open until Ctrl-C: while the way there is lost, new
connections wait up to ten seconds and are then told what is happening. Of several tunnels to one stage or target the second
is refused.

The port of a stage is always the same (it follows from the name, unless it was taken when it was first chosen); --port gives another.
With --json each event is a line on stdout: listening, up, degraded, down, reconnecting, maxRetriesExceeded, closed.

--exec runs one command while the tunnel is up, and ends with its exit code. It gets PGHOST, PGHOSTADDR, PGPORT and, for a stage,
PGUSER, PGDATABASE, PGSSLMODE, PGSSLROOTCERT, PGPASSFILE and a DATABASE_URL without a password: what is made on libpq
logs in with them.
${accessHelp}

Exit code: 0 done, 1 you must act (a tunnel is running, the stage has none), 2 it could not be opened, 129/130/143 ended by
SIGHUP/SIGINT/SIGTERM; with --exec that of the command.

Examples:
  $ postern ssm-tunnel --stage dev
  $ postern ssm-tunnel --stage dev --detach
  $ postern ssm-tunnel stop --stage dev
  $ postern ssm-tunnel --stage dev --exec "pg_dump --schema-only"
  $ postern ssm-tunnel --target i-0abc… --host db.internal --remote-port 5432 --port 15432 --json`;

type TunnelFlags = {
  readonly port?: number;
  readonly bind: string;
  readonly maxRetries?: number;
  readonly detach?: boolean;
  readonly detached?: boolean;
  readonly exec?: string;
  readonly write?: boolean;
  readonly reason?: string;
  readonly ca?: string;
};

/** With a command that waits for it, a tunnel that cannot be had is no use. */
const execWithinMs = 60_000;

export function registerSsmTunnel(command: Command, context: CommandContext): void {
  addAccessOptions(addTransportOptions(addDestinationOptions(command)))
    // What comes after `stop` is for it.
    .enablePositionalOptions()
    .addOption(
      new Option("--port <number>", "the local port (0: any free one; default: the stage's own)")
        .env("POSTERN_PORT")
        .argParser(parsePort),
    )
    .addOption(
      new Option("--bind <address>", "the local address; others than loopback let the network in")
        .default("127.0.0.1")
        .env("POSTERN_BIND"),
    )
    .addOption(
      new Option("--max-retries <n>", "give up after this many failed attempts in a row (default: never)")
        .env("POSTERN_MAX_RETRIES")
        .argParser(wholeNumber(0, 1_000_000)),
    )
    .addOption(
      new Option("--detach", "return as soon as it is up; it goes on without a terminal").env("POSTERN_DETACH"),
    )
    .addOption(new Option(detachedFlag).hideHelp())
    .addOption(
      new Option("--exec <command>", "run this command while the tunnel is up, and end with it").env("POSTERN_EXEC"),
    )
    .addHelpText("after", help)
    .action(async () => run(command, context));
  registerList(command, context);
  registerStatus(command, context);
  registerStop(command, context);
}

async function run(command: Command, context: CommandContext): Promise<void> {
  const { output, signal, env } = context;
  const flags = readFlags(command);
  if (flags.detach === true) return output.result(await detachTunnel(context), describeDetached);
  if (flags.exec === undefined) output.startEvents();
  const transportFlags = readTransportFlags(command);
  const destination = await openDestination(command, transportFlags, context);
  const access = accessTo(destination, flags);
  if (!isLoopback(flags.bind)) {
    output.note(`warning: whoever reaches ${flags.bind} reaches the database's port through this tunnel`);
  }
  const stateFolder = stateFolderOf(env);
  const options = {
    destination,
    transport: await makeTransport(destination, transportFlags, env),
    port: flags.port,
    bind: flags.bind,
    maxRetries: flags.maxRetries,
    isDetached: flags.detached === true,
    stateFolder,
  };
  const { exec } = flags;
  if (exec === undefined) return await runTunnel(options, context, async (tunnel) => untilStopped(tunnel, signal));
  const quiet = { ...context, output: { ...output, event: () => {}, status: () => {} } };
  const exitCode = await runTunnel({ ...options, withinMs: execWithinMs }, quiet, async (tunnel) =>
    execThrough(tunnel, { command: exec, destination, access, caFile: flags.ca, stateFolder }, context),
  );
  context.endWith(exitCode);
}

function describeDetached({ pid, host, port }: DetachedTunnel): string {
  return `${host}:${port} (process ${pid}; end it with \`postern ssm-tunnel stop\`)`;
}

/** @throws PosternError `usage.invalid` for flags that do not go together */
function readFlags(command: Command): TunnelFlags {
  const flags = command.opts<TunnelFlags>();
  if (flags.detach === true && flags.exec !== undefined) {
    throw new PosternError(
      "usage.invalid",
      "--detach and --exec do not go together: the tunnel of --exec ends with its command.",
    );
  }
  const isTyped = (name: string) => command.getOptionValueSource(name) === "cli";
  const idle = flags.exec === undefined ? ["write", "reason", "ca"].find(isTyped) : undefined;
  if (idle !== undefined)
    throw new PosternError("usage.invalid", `--${idle} goes with --exec: a tunnel by itself logs nobody in.`);
  return flags;
}

function accessTo(destination: Destination, flags: TunnelFlags) {
  if (destination.kind === "target" || flags.exec === undefined) return undefined;
  return chooseAccess(flags, destination.stage.manifest, describeRequester().split("@")[0] ?? "");
}

/** All of 127.0.0.0/8 is. */
function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || /^127(?:\.\d{1,3}){3}$/u.test(address);
}
