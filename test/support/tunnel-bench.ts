import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTcp } from "node:net";
import { once } from "node:events";
import { type Manifest, roleNames, secretName, tunnelDocumentName } from "#lib/contract.ts";
import { createMemorySecretStore, storeSecret } from "#lib/local/aws/secret-store.ts";
import type { SessionTarget } from "#lib/local/aws/ssm-sessions.ts";
import { startSessionGateway } from "#lib/local/gateway/gateway.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";
import { listTunnels } from "#lib/tunnel/registry/registry.ts";
import { stopTunnel } from "#lib/tunnel/registry/stop.ts";
import { type Functions, startOutsideOfStage } from "./outside-of-stage.ts";
import { startTestServer } from "./postgres.ts";

/** Roles that a person has, with a table that one may change and the other only read. */
const rolesSql = (readonly: string, operator: string) => `
  create table items (id int primary key, name text);
  insert into items select n, 'item ' || n from generate_series(1, 100) n;
  create role postern_readonly login password '${readonly}';
  alter role postern_readonly set default_transaction_read_only = on;
  create role postern_operator login password '${operator}';
  grant select on items to postern_readonly;
  grant select, insert, update, delete on items to postern_operator`;

/** The bastions of the bench: of the first the agent is offline. */
export const bastions = { offline: "i-0000000000000000a", online: "i-0000000000000000b" } as const;

/** What only the bastion can resolve. */
export const internal = { host: "db.internal", port: 5432 } as const;

/**
 * A stage as the tunnel's commands see it: a real PostgreSQL with a person's two roles, secrets for them, a manifest, Session
 * Manager with two bastions, and a state folder of its own. The database is `localhost` to this machine, and `db.internal:5432`
 * to the bastions. Its functions are given the superuser's address. Disposing stops every tunnel that was left running.
 */
export async function startTunnelBench(
  manifest: Partial<Manifest> = {},
  functions: (database: DatabaseAddress) => Functions = () => ({}),
) {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startTestServer({ names: ["db.internal"] }));
  const passwords = { readonly: randomBytes(12).toString("hex"), operator: randomBytes(12).toString("hex") };
  const address = {
    host: server.host,
    port: server.port,
    database: "postgres",
    user: server.superuser,
    password: server.password,
    sslMode: "verify-full" as const,
    ca: [server.caPem],
  };
  const asSuperuser = async (sql: string) => {
    await using connection = await connect(address, { applicationName: "tunnel bench" });
    return (await connection.client.query<Record<string, unknown>>(sql)).rows;
  };
  await asSuperuser(rolesSql(passwords.readonly, passwords.operator));

  const secrets = createMemorySecretStore();
  for (const role of ["readonly", "operator"] as const) {
    const value = JSON.stringify({ username: roleNames[role], password: passwords[role] });
    await storeSecret(secrets, secretName("local", role), value, new Date());
  }
  const gateway = stack.use(
    await startSessionGateway({
      database: (host, port) =>
        host === internal.host && port === internal.port ? { host: server.host, port: server.port } : undefined,
      targets: [
        { instanceId: bastions.offline, state: "offline" },
        { instanceId: bastions.online, state: "online" },
      ],
      documents: { [tunnelDocumentName("local")]: internal },
    }),
  );
  const stage = stack.use(
    await startOutsideOfStage(
      functions(address),
      {
        database: { host: "localhost", port: server.port, name: "postgres", instanceId: "postern-local" },
        bastions: Object.values(bastions),
        tunnel: { documentName: tunnelDocumentName("local") },
        secrets: { readonly: secretName("local", "readonly"), operator: secretName("local", "operator") },
        ...manifest,
      },
      { secrets, sessions: gateway, instances: () => gateway.targets().map(toInstance), caFile: server.caFile },
    ),
  );
  const stateHome = stack.adopt(await mkdtemp(join(tmpdir(), "postern-state-")), async (folder) => {
    const running = await listTunnels(join(folder, "postern"));
    await Promise.all(running.map(async ({ record }) => stopTunnel(record)));
    await rm(folder, { recursive: true });
  });
  const stateFolder = join(stateHome, "postern");
  const env = {
    XDG_STATE_HOME: stateHome,
    POSTERN_STAGE: "local",
    POSTERN_DATA: stage.folder,
    POSTERN_TRANSPORT: "direct",
  };
  const opened = stack.move();
  return {
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
    server,
    gateway,
    passwords,
    asSuperuser,
    stateFolder,
    env,
    awsEnv: { XDG_STATE_HOME: stateHome, ...stage.awsEnv },
    /** What is left of logins: nothing, once the commands have ended. */
    logins: async () => readdir(join(stateFolder, "logins")).catch(() => []),
  };
}

function toInstance({ instanceId, state }: SessionTarget) {
  const Name = state === "stopped" ? ("stopped" as const) : ("running" as const);
  return { InstanceId: instanceId, State: { Code: Name === "stopped" ? 80 : 16, Name } };
}

export type TunnelBench = Awaited<ReturnType<typeof startTunnelBench>>;

/** Whether PostgreSQL answers at a port: its reply to an SSLRequest is one letter. */
export async function answersAt(port: number): Promise<boolean> {
  const socket = connectTcp(port, "127.0.0.1");
  try {
    socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
    const [answer] = (await once(socket, "data")) as [Buffer];
    return answer.toString("latin1") === "S";
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
