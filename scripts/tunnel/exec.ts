import { databaseLogin } from "#lib/stage/database-login.ts";
import type { Tunnel } from "#lib/tunnel/tunnel.ts";
import type { Login } from "#lib/tunnel/login/login.ts";
import { reachable } from "#lib/tunnel/port/reachable.ts";
import type { CommandContext } from "../command-context.ts";
import type { DatabaseAccess } from "../psql/access-options.ts";
import { readAuthorities, withLogin, withPlace } from "../psql/libpq-login.ts";
import type { StageTarget } from "../target.ts";
import { runAtTerminal } from "./child.ts";
import type { Destination } from "./destination.ts";

export type LoginEndpointOptions = {
  readonly stage: StageTarget;
  readonly access: DatabaseAccess;
  readonly caFile: string | undefined;
  /** 0: any free one. */
  readonly port: number;
  readonly bind?: string;
};

/** A port beside the tunnel's, whose clients need neither the database's certificate nor its password. */
export async function openLogin(
  tunnel: Tunnel,
  { stage, access, caFile, port, bind }: LoginEndpointOptions,
  { output, env }: Pick<CommandContext, "output" | "env">,
): Promise<Login> {
  const { database } = stage.manifest;
  const login = databaseLogin(stage.manifest, access.role, stage.access);
  const { startLogin } = await import("#lib/tunnel/login/login.ts");
  return await startLogin({
    openStream: async (signal) => tunnel.openStream(signal),
    upstream: {
      host: database.host,
      port: database.port,
      database: database.name,
      user: login.user,
      // By the access of now: the tunnel, and this port with it, may have outlived the start of a local stage.
      password: async () => databaseLogin(stage.manifest, access.role, await stage.findAccess()).password(),
      applicationName: access.hasReason ? access.applicationName : undefined,
      ca: await readAuthorities(stage, caFile),
    },
    port,
    bind,
    nodeCaFile: env["NODE_EXTRA_CA_CERTS"],
    onFailure: ({ message, code }) => output.note(`a client was not logged in: ${message} [${code}]`),
  });
}

export type ExecOptions = {
  /** A line for the shell. */
  readonly command: string;
  readonly destination: Destination;
  /** Absent for a target, of whose database nothing is known but where it is. */
  readonly access: DatabaseAccess | undefined;
  readonly caFile: string | undefined;
};

/**
 * Runs a command that uses the tunnel. For a stage it is given a port that logs in for it; its password in the environment is one
 * of this machine, and of no worth afterwards. For a target it is told where the database is, and logs in by itself.
 *
 * @returns its exit code
 */
export async function execThrough(tunnel: Tunnel, options: ExecOptions, context: CommandContext): Promise<number> {
  const { command, destination, access, caFile } = options;
  const run = async (env: CommandContext["env"]) =>
    await runAtTerminal({ command, args: [], env, shell: true }, context, tunnel.ended);
  if (destination.kind === "target" || access === undefined) {
    const local = { PGHOSTADDR: reachable(tunnel.host), PGPORT: String(tunnel.port) };
    return await run(withPlace(context.env, { PGHOST: destination.database.host, ...local }));
  }
  await using login = await openLogin(tunnel, { stage: destination.stage, access, caFile, port: 0 }, context);
  return await run(withLogin(context.env, { ...login.environment, PGAPPNAME: access.applicationName }));
}
