import { type Command, Option } from "commander";
import { systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { formatHostPort } from "#lib/base/host-port.ts";
import type { Login } from "#lib/tunnel/login/login.ts";
import { stateFolderOf } from "#lib/tunnel/registry/state-folder.ts";
import { tunnelKey } from "#lib/tunnel/registry/tunnel-key.ts";
import type { Tunnel } from "#lib/tunnel/tunnel.ts";
import type { CommandContext } from "../command-context.ts";
import { parsePort, wholeNumber } from "../options/numbers.ts";
import { something } from "../options/something.ts";
import { accessHelp, addAccessOptions, chooseAccess, type DatabaseAccess } from "../psql/access-options.ts";
import { readUserName } from "../provenance.ts";
import { addDestinationOptions, type Destination, openDestination } from "../tunnel/destination.ts";
import { detachedFlag, type DetachedTunnel, detachTunnel, type LoginEvent } from "../tunnel/detach.ts";
import { execThrough, openLogin } from "../tunnel/exec.ts";
import { makeTransport } from "../tunnel/make-transport.ts";
import { registerList, registerStatus, registerStop } from "../tunnel/subcommands.ts";
import { addTransportOptions, readTransportFlags } from "../tunnel/transport-options.ts";
import { chooseOwnPort, runTunnel, untilStopped } from "../tunnel/run-tunnel.ts";

const help = `
Opens a port on this machine that leads to the database, and keeps it open until Ctrl-C: while the way there is lost, new
connections wait up to ten seconds and are then told what is happening. Of several tunnels to one stage or target the second
is refused.

The port of a stage is always the same (it follows from the name, unless it was taken when it was first chosen); --port gives another.
With --json each event is a line on stdout: listening, up, degraded, down, reconnecting, maxRetriesExceeded, closed.

--login opens a second port, which does TLS and the login for its clients: with the URL that is printed, anything that speaks
PostgreSQL gets in without the database's password and without its certificate, until the tunnel ends. Keep the URL to yourself.

--exec runs one command through a tunnel of its own, and ends with its exit code. For a stage it has DATABASE_URL and libpq's variables
(PGHOST, PGPORT, PGUSER, PGPASSWORD, …) for such a port; for a target PGHOST, PGHOSTADDR and PGPORT, beside your own.
${accessHelp}

Exit code: 0 done, 1 you must act (a tunnel is running, the stage has none), 2 it could not be opened, 129/130/143 ended by
SIGHUP/SIGINT/SIGTERM, 141 with --json by a reader that left; with --exec that of the command.

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
  readonly login?: boolean;
  readonly write?: boolean;
  readonly reason?: string;
  readonly ca?: string;
};

/** With a command that waits for it, a tunnel that cannot be had is no use. */
const execWithinMs = 60_000;

export function registerSsmTunnel(command: Command, context: CommandContext): void {
  // Whoever reads lines reads the error as one, too, whatever it is.
  context.output.startEvents();
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
        .env("POSTERN_BIND")
        .argParser(something("an address of this machine, as 127.0.0.1")),
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
      new Option("--exec <command>", "run this command while the tunnel is up, and end with it")
        .env("POSTERN_EXEC")
        .argParser(something("a command")),
    )
    .addOption(new Option("--login", "a second port that logs in for its clients (with --stage)").env("POSTERN_LOGIN"))
    .addHelpText("after", help)
    .action(async () => run(command, context));
  registerList(command, context);
  registerStatus(command, context);
  registerStop(command, context);
}

async function run(command: Command, context: CommandContext): Promise<void> {
  const { output, signal, env } = context;
  const flags = readFlags(command);
  if (flags.detach === true) {
    return output.result(await detachTunnel(flags.login === true ? "login" : "up", context), describeDetached);
  }
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
  const { exec, ca: caFile } = flags;
  if (exec !== undefined) {
    const quiet = { ...context, output: { ...output, event: () => {}, status: () => {} } };
    const exitCode = await runTunnel({ ...options, isListed: false, withinMs: execWithinMs }, quiet, async (tunnel) =>
      execThrough(tunnel, { command: exec, destination, access, caFile }, context),
    );
    return context.endWith(exitCode);
  }
  // Whoever started it for its events has it no longer. One that was detached is not for its first reader.
  if (output.json && flags.detached !== true) context.endWithReader();
  await runTunnel(options, context, async (tunnel) => {
    await using login = await openOwnLogin(
      tunnel,
      { destination, access, caFile, bind: flags.bind, stateFolder },
      context,
    );
    if (login !== undefined) {
      const { host, port, url } = login;
      output.result(
        { event: "login", at: systemClock.wallTime().toISOString(), host, port, url } satisfies LoginEvent,
        (event) => event.url,
      );
    }
    await untilStopped(tunnel, signal);
  });
}

type OwnLogin = {
  readonly destination: Destination;
  readonly access: DatabaseAccess | undefined;
  readonly caFile: string | undefined;
  readonly bind: string;
  readonly stateFolder: string;
};

/** The port of --login, which stays the same, too; its URL does not. */
async function openOwnLogin(
  tunnel: Tunnel,
  { destination, access, caFile, bind, stateFolder }: OwnLogin,
  context: CommandContext,
): Promise<Login | undefined> {
  if (destination.kind === "target" || access === undefined) return undefined;
  const { stage, name, database } = destination;
  const key = `${tunnelKey(name, database)}-login`;
  const port = await chooseOwnPort({ key, name: `${name}/login`, bind, stateFolder }, context);
  return await openLogin(tunnel, { stage, access, caFile, port, bind }, context);
}

function describeDetached({ pid, url, ...local }: DetachedTunnel): string {
  if (url !== undefined) return url;
  return `${formatHostPort(local)} (process ${pid}; end it with \`postern ssm-tunnel stop\`)`;
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
  if (flags.exec !== undefined && flags.login === true) {
    throw new PosternError("usage.invalid", "--login and --exec do not go together: --exec has such a port already.");
  }
  const isTyped = (name: string) => command.getOptionValueSource(name) === "cli";
  const logsIn = flags.exec !== undefined || flags.login === true;
  const idle = logsIn ? undefined : ["write", "reason", "ca"].find(isTyped);
  if (idle !== undefined) {
    const message = `--${idle} goes with --login or --exec: a tunnel by itself logs nobody in.`;
    throw new PosternError("usage.invalid", message);
  }
  return flags;
}

/** @throws PosternError `usage.invalid` for a login where nothing is known of roles */
function accessTo(destination: Destination, flags: TunnelFlags): DatabaseAccess | undefined {
  if (destination.kind === "target") {
    if (flags.login !== true) return undefined;
    throw new PosternError("usage.invalid", "--login goes with --stage, whose manifest says who may log in.");
  }
  if (flags.exec === undefined && flags.login !== true) return undefined;
  return chooseAccess(flags, destination.stage.manifest, readUserName());
}

/** All of 127.0.0.0/8 is. */
function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || /^127(?:\.\d{1,3}){3}$/u.test(address);
}
