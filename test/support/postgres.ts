import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Client } from "pg";
import { inject } from "vitest";
import { removePostgresData } from "#lib/local/postgres/home.ts";
import { type PostgresServer, type PostgresServerOptions, startPostgresServer } from "#lib/local/postgres/server.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { copyCluster } from "./cluster-template.ts";
import { makeDataFolder } from "./run-folder.ts";

/** What a test needs to know of a server; plain data, so that the global setup can hand it to the workers. */
export type TestServer = {
  readonly host: string;
  readonly port: number;
  readonly superuser: string;
  readonly password: string;
  readonly version: number;
  readonly tls: "required" | "off";
  readonly caPem: string;
  readonly caFile: string;
};

export type TestDatabase = AsyncDisposable & {
  readonly name: string;
  /** As the superuser, with full verification where the server has TLS. */
  readonly address: DatabaseAddress;
  readonly caFile: string;
  readonly caPem: string;
  /** As the superuser unless told otherwise. */
  url(login?: { readonly user: string; readonly password: string }): string;
};

export type OwnTestServer = TestServer & AsyncDisposable & Pick<PostgresServer, "dataDir" | "pid" | "stop">;

declare module "vitest" {
  interface ProvidedContext {
    sharedPostgres: readonly TestServer[];
  }
}

/** Starts a server of the test's own on a new cluster, without durability; disposing removes both. */
export async function startTestServer(
  options: Partial<Pick<PostgresServerOptions, "version" | "tls" | "settings" | "names">> = {},
  runFolder = inject("runFolder"),
): Promise<OwnTestServer> {
  const folder = await makeDataFolder(runFolder);
  const dataDir = join(folder, "postgres");
  const remove = async () => {
    await removePostgresData(dataDir);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await copyCluster(runFolder, options.version ?? 18, dataDir);
    const server = await startPostgresServer({ ...options, dataDir, port: 0, durable: false });
    const { host, port, superuser, password, version, caPem, caFile, pid, stop } = server;
    const dispose = async () => {
      await stop();
      await remove();
    };
    return {
      host,
      port,
      superuser,
      password,
      version,
      caPem,
      caFile,
      pid,
      dataDir,
      stop,
      tls: options.tls ?? "required",
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The PostgreSQL 18 with TLS of this worker, for one test file at a time: what a test sees of other sessions is its own. */
export function sharedServer(): TestServer {
  const servers = inject("sharedPostgres");
  const server = servers[(Number(process.env["VITEST_POOL_ID"]) - 1) % servers.length];
  if (server === undefined) throw new Error("The global setup has started no server.");
  return server;
}

/** A database that no other test sees: on this worker's shared PostgreSQL 18 with TLS, or on the given server. */
export async function createTestDatabase(server: TestServer = sharedServer()): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  await asSuperuser(server, `create database ${name}`);
  const { host, port, superuser, password, caPem, caFile } = server;
  return {
    name,
    caPem,
    caFile,
    address: {
      host,
      port,
      database: name,
      user: superuser,
      password,
      ...(server.tls === "off" ? { sslMode: "disable" } : { sslMode: "verify-full", ca: [caPem] }),
    },
    url(login = { user: superuser, password }) {
      const url = new URL(`postgres://${host}:${port}/${name}`);
      url.username = encodeURIComponent(login.user);
      url.password = encodeURIComponent(login.password);
      if (server.tls === "off") url.searchParams.set("sslmode", "disable");
      else url.search = new URLSearchParams({ sslmode: "verify-full", sslrootcert: caFile }).toString();
      return url.href;
    },
    [Symbol.asyncDispose]: async () => asSuperuser(server, `drop database if exists ${name} with (force)`),
  };
}

/** A temporary folder that PostgreSQL's unprivileged user may pass through when the tests run as root. */
export async function makeTestFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "postern-test-"));
  await chmod(folder, 0o711);
  return folder;
}

async function asSuperuser(server: TestServer, statement: string): Promise<void> {
  const client = new Client({
    host: server.host,
    port: server.port,
    user: server.superuser,
    password: server.password,
    database: "postgres",
    ssl: server.tls === "off" ? false : { ca: server.caPem },
  });
  // A server that stops while we are connected must not end the test run.
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
