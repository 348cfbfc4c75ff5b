import { join, resolve } from "node:path";
import { type Command, type CommanderError, Option } from "commander";
import { writeWhole } from "#lib/base/private-file.ts";
import { PosternError } from "#lib/base/errors.ts";
import { appName, roleNames } from "#lib/contract.ts";
import { choosePort } from "#lib/tunnel/registry/remembered-port.ts";
import { openStateFolder, stateFolderOf } from "#lib/tunnel/registry/state-folder.ts";
import { tunnelKey } from "#lib/tunnel/registry/tunnel-key.ts";
import type { CommandContext } from "../command-context.ts";
import { accessHelp, addAccessOptions, chooseAccess, type DatabaseAccess } from "../psql/access-options.ts";
import { findPsql } from "../psql/find-psql.ts";
import { prepareLogin, readAuthorities, withLogin } from "../psql/libpq-login.ts";
import { reachDatabase, type Way } from "../psql/reach-database.ts";
import { writeServiceEntry } from "../psql/service-file.ts";
import { readUserName } from "../provenance.ts";
import { runAtTerminal } from "../tunnel/child.ts";
import { addStageOption, openStageDestination, type StageDestination } from "../tunnel/destination.ts";
import { isPortFree } from "../tunnel/port-taken.ts";
import { addTransportOptions, readTransportFlags, type TransportFlags } from "../tunnel/transport-options.ts";

const help = `
Runs psql on the database of a stage: through the stage's tunnel when one is running, else through one of its own, which ends with
it. TLS is verified in full against the database's real name. The password is in a file that only you can read, and is gone
afterwards; it is never an argument or a variable. Arguments after -- are psql's; its input, output and exit code are its own.
${accessHelp}

--service-file writes an entry ([postern-STAGE]) for libpq's programs, without a password, and does nothing else: it leads to the
stage's local port, which \`postern ssm-tunnel --stage NAME --detach\` opens.

Exit code: psql's; 1 or 2 with an error of this program's when psql did not run, 129/143 ended by SIGHUP/SIGTERM.

Examples:
  $ postern psql --stage dev
  $ postern psql --stage dev --command "select count(*) from orders"
  $ postern psql --stage dev -- --csv -f report.sql > report.csv
  $ postern psql --stage production --write --reason "TICKET-42, undo order 7"`;

type PsqlFlags = {
  readonly stage?: string;
  readonly data?: string;
  readonly psql?: string;
  readonly command?: readonly string[];
  readonly write?: boolean;
  readonly reason?: string;
  readonly ca?: string;
  readonly serviceFile?: string;
};

/** `psql -c …` is what hands are used to. */
function explainFlag(error: CommanderError): never {
  if (error.code !== "commander.unknownOption" || !/'-[^-]/u.test(error.message)) throw error;
  const message = `${error.message.replace(/^error: /u, "")}: psql's own come after \`--\`.`;
  throw new PosternError("usage.invalid", message, {
    hint: "For instance `postern psql --stage dev -- -c 'select 1'`, or `npm run psql -- --stage dev -- -c 'select 1'`.",
  });
}

export function registerPsql(command: Command, context: CommandContext): void {
  command.exitOverride(explainFlag);
  addTransportOptions(addAccessOptions(addStageOption(command)))
    .argument("[args...]", "psql's own arguments, after --")
    .addOption(
      new Option("--command <sql>", "run this and end, as psql -c does; may be repeated")
        .env("POSTERN_COMMAND")
        .argParser<readonly string[] | undefined>((sql, others) => [...(others ?? []), sql]),
    )
    .addOption(new Option("--psql <path>", "the psql to run (default: the one on PATH)").env("POSTERN_PSQL"))
    .addOption(
      new Option("--service-file <file>", "write an entry for the stage into this pg_service.conf, and end").env(
        "POSTERN_SERVICE_FILE",
      ),
    )
    .addHelpText("after", help)
    .action(async (args: readonly string[]) => {
      const flags = command.opts<PsqlFlags>();
      const transport = readTransportFlags(command);
      if (flags.stage === undefined)
        throw new PosternError("usage.invalid", "No stage was given: expected --stage NAME.");
      if (flags.serviceFile !== undefined) return await writeService(flags.stage, flags.serviceFile, flags, context);
      const psql = await findPsql(flags.psql, context.env);
      const destination = await openStageDestination(flags.stage, flags.data, transport, context);
      const access = chooseAccess(flags, destination.stage.manifest, readUserName());
      const commands = (flags.command ?? []).flatMap((sql) => ["--command", sql]);
      context.endWith(
        await run({ psql, args: [...commands, ...args], destination, access, transport, flags }, context),
      );
    });
}

type Run = {
  readonly psql: string;
  readonly args: readonly string[];
  readonly destination: StageDestination;
  readonly access: DatabaseAccess;
  readonly transport: TransportFlags;
  readonly flags: PsqlFlags;
};

async function run(
  { psql, args, destination, access, transport, flags }: Run,
  context: CommandContext,
): Promise<number> {
  const stateFolder = stateFolderOf(context.env);
  await using tunnel = await reachDatabase(destination, transport, stateFolder, context);
  const { local } = tunnel;
  await using login = await prepareLogin({ stage: destination.stage, access, local, caFile: flags.ca, stateFolder });
  context.output.note(`as ${login.user}${login.kind === "iam-token" ? ", by an IAM token" : ""}`);
  const env = withLogin(context.env, login.env);
  tunnel.begin();
  const exitCode = await runAtTerminal({ command: psql, args, env, interruptFirst: true }, context, tunnel.ended);
  if (exitCode === connectionLost) await explainLoss(tunnel, context);
  return exitCode;
}

/** psql's exit code for a connection that it did not get, or that broke. */
const connectionLost = 2;

/** Over TLS psql shows nothing of what the tunnel tells it, and "SSL SYSCALL error" in its place. */
async function explainLoss(tunnel: Way, { output }: CommandContext): Promise<void> {
  const reason = await tunnel.findReason();
  if (reason === undefined) return;
  const hint = reason.hint === undefined ? "" : `\n${reason.hint}`;
  output.note(`the tunnel has no way to the database: ${reason.message} [${reason.code}]${hint}`);
}

async function writeService(stage: string, file: string, flags: PsqlFlags, context: CommandContext): Promise<void> {
  const destination = await openStageDestination(stage, flags.data, { transport: "direct", engine: "native" }, context);
  const { manifest } = destination.stage;
  const { database } = manifest;
  const access = chooseAccess(flags, manifest, readUserName());
  const folder = stateFolderOf(context.env);
  const key = tunnelKey(stage, database);
  const port = await choosePort({ folder, key, name: stage, isFree: async (one) => isPortFree(one, "127.0.0.1") });
  const authorities = await readAuthorities(destination.stage, flags.ca);
  const rootCert = join(await openStateFolder(folder, "ca"), `${key}.pem`);
  await writeWhole(rootCert, `${authorities.join("\n")}\n`);
  const name = `${appName}-${stage}`;
  const values = {
    host: database.host,
    hostaddr: "127.0.0.1",
    port: String(port),
    dbname: database.name,
    user: roleNames[access.role],
    sslmode: "verify-full",
    sslrootcert: rootCert,
  };
  const path = resolve(file);
  await writeServiceEntry(path, { name, values });
  context.output.result({ service: name, file: path, port }, () => `wrote [${name}] to ${path}`);
}
