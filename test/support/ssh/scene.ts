import { mkdir, rm, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { Client, type QueryResult } from "pg";
import { onTestFinished } from "vitest";
import { sshTransport, type SshTransportOptions } from "#lib/tunnel/ssh/transport.ts";
import type { Transport } from "#lib/tunnel/transport.ts";
import { createTestDatabase, makeTestFolder } from "../postgres.ts";
import { startBridge } from "./bridge.ts";
import { runKeygen } from "./key-forms.ts";
import { type Sshd, type SshdOptions, startSshd } from "./sshd.ts";

const user = userInfo().username;

export type SshScene = AsyncDisposable & {
  readonly folder: string;
  /** Of the database, as sshd knows it. */
  readonly address: { readonly host: string; readonly port: number };
  /** Lets the test in at each sshd that is not told otherwise. */
  readonly key: { readonly text: string; readonly publicLine: string };
  /** Until the test ends. */
  start(options?: Partial<SshdOptions>): Promise<Sshd>;
  /** To the database, with the scene's key and nothing of this machine's own. */
  through(sshd: Sshd, options?: Partial<SshTransportOptions>): Transport;
  /** A home folder of its own, with these files in `.ssh`. */
  makeHome(files: Readonly<Record<string, string>>): Promise<string>;
  /** To the database, with what is found in the configuration and the home folder alone. */
  fromHome(home: string, server: string, env?: Readonly<Record<string, string>>, port?: number): Transport;
  /** A connection of PostgreSQL's at a bridge, with the certificate verified. */
  connectTo(bridge: { readonly port: number }): Promise<Client>;
  /** On a connection of its own. */
  query(bridge: { readonly port: number }, sql: string): Promise<QueryResult<Record<string, unknown>>>;
  /** What PostgreSQL says of a connection through this transport. */
  ask(transport: Transport): Promise<unknown>;
};

/** A PostgreSQL behind an sshd, and the ways to it. Only where sshd is installed. */
export async function openSshScene(): Promise<SshScene> {
  const folder = await makeTestFolder();
  const database = await createTestDatabase();
  const key = runKeygen({ type: "ed25519" });
  const { host, port } = database.address;
  let homes = 0;

  const connectTo = async (bridge: { readonly port: number }) => {
    const { database: name, user: superuser, password } = database.address;
    const ssl = { ca: database.caPem };
    const client = new Client({ host, port: bridge.port, database: name, user: superuser, password, ssl });
    client.on("error", () => {});
    await client.connect();
    return client;
  };
  const query = async (bridge: { readonly port: number }, sql: string) => {
    const client = await connectTo(bridge);
    try {
      return await client.query<Record<string, unknown>>(sql);
    } finally {
      await client.end();
    }
  };
  return {
    folder,
    address: { host, port },
    key,
    connectTo,
    query,
    start: async (options = {}) => {
      const sshd = await startSshd({ authorized: [key.publicLine], ...options });
      onTestFinished(async () => await sshd[Symbol.asyncDispose]());
      return sshd;
    },
    through: (sshd, options = {}) =>
      sshTransport({
        server: sshd.host,
        serverPort: sshd.port,
        user,
        host,
        port,
        key: { text: key.text, from: "the test's key" },
        knownHostsFile: sshd.knownHostsFile,
        configFile: false,
        place: { home: folder, user, env: {} },
        ...options,
      }),
    makeHome: async (files) => {
      homes += 1;
      const home = join(folder, `home-${homes}`);
      await mkdir(join(home, ".ssh"), { recursive: true, mode: 0o700 });
      for (const [name, text] of Object.entries(files)) {
        await writeFile(join(home, ".ssh", name), text, { mode: 0o600 });
      }
      return home;
    },
    fromHome: (home, server, env = {}, serverPort) =>
      sshTransport({
        server,
        host,
        port,
        place: { home, user, env },
        ...(serverPort === undefined ? {} : { serverPort }),
      }),
    ask: async (transport) => {
      await using link = await transport.connect(new AbortController().signal);
      await using bridge = await startBridge(link);
      const { rows } = await query(bridge, "select true as ok, ssl from pg_stat_ssl where pid = pg_backend_pid()");
      return rows[0];
    },
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** A block of `~/.ssh/config`. */
export function hostBlock(name: string, sshd: Sshd, ...lines: readonly string[]): string {
  const block = ["HostName 127.0.0.1", `Port ${sshd.port}`, ...lines];
  return [`Host ${name}`, ...block.map((line) => `  ${line}`), ""].join("\n");
}
