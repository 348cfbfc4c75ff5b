import type { Tunnel } from "#lib/tunnel/tunnel.ts";
import type { CommandContext } from "../command-context.ts";
import type { DatabaseAccess } from "../psql/access-options.ts";
import { type LibpqLogin, prepareLogin, withLogin } from "../psql/libpq-login.ts";
import { runAtTerminal } from "./child.ts";
import type { Destination } from "./destination.ts";

export type ExecOptions = {
  /** A line for the shell. */
  readonly command: string;
  readonly destination: Destination;
  /** Absent for a target, of whose database nothing is known but where it is. */
  readonly access: DatabaseAccess | undefined;
  readonly caFile: string | undefined;
  readonly stateFolder: string;
};

/** How the command finds the database: variables, and what must stay while it runs. */
type Endpoint = AsyncDisposable & { readonly env: Readonly<Record<string, string>> };

/** Runs a command that uses the tunnel. @returns its exit code */
export async function execThrough(tunnel: Tunnel, options: ExecOptions, context: CommandContext): Promise<number> {
  await using endpoint = await openEndpoint(tunnel, options);
  const { command } = options;
  const env = withLogin(context.env, endpoint.env);
  return await runAtTerminal({ command, args: [], env, shell: true }, context, tunnel.ended);
}

async function openEndpoint(
  tunnel: Pick<Tunnel, "host" | "port">,
  { destination, access, caFile, stateFolder }: ExecOptions,
): Promise<Endpoint> {
  const local = { host: connectableHost(tunnel.host), port: tunnel.port };
  if (destination.kind === "target" || access === undefined) {
    const env = { PGHOST: destination.database.host, PGHOSTADDR: local.host, PGPORT: String(local.port) };
    return { env, [Symbol.asyncDispose]: async () => {} };
  }
  const login = await prepareLogin({ stage: destination.stage, access, local, caFile, stateFolder });
  const env = { ...login.env, DATABASE_URL: databaseUrl(login, local) };
  return { env, [Symbol.asyncDispose]: async () => login[Symbol.asyncDispose]() };
}

/** Where a client on this machine connects to. */
export function connectableHost(bound: string): string {
  if (bound === "0.0.0.0" || bound === "localhost") return "127.0.0.1";
  return bound === "::" ? "::1" : bound;
}

/** As libpq reads it; the password is in PGPASSFILE. */
function databaseUrl({ user, env }: LibpqLogin, local: { readonly host: string; readonly port: number }): string {
  const { PGHOST: host = "", PGDATABASE: database = "", PGSSLROOTCERT: rootCert = "" } = env;
  const parameters = [
    ["hostaddr", local.host],
    ["sslmode", "verify-full"],
    ["sslrootcert", rootCert],
  ].map(([name, value = ""]) => `${name}=${encodeURIComponent(value)}`);
  const place = `${encodeURIComponent(user)}@${host}:${local.port}/${encodeURIComponent(database)}`;
  return `postgresql://${place}?${parameters.join("&")}`;
}
