import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Client, type ClientConfig } from "pg";
import { onTestFinished } from "vitest";
import { removePostgresData } from "#lib/local/postgres/home.ts";
import { makeDataFolder } from "./run-folder.ts";

/** For a server of the test's own, in a folder of its own; removed with all its data. */
export async function makeDataDir(): Promise<string> {
  const folder = await makeDataFolder();
  const dataDir = join(folder, "postgres");
  onTestFinished(async () => {
    await removePostgresData(dataDir);
    await rm(folder, { recursive: true, force: true });
  });
  return dataDir;
}

export type Login = { readonly port: number; readonly password: string; readonly caPem: string };

/** The superuser, over TLS. */
export function clientOf({ port, password, caPem }: Login): ClientConfig {
  return { host: "127.0.0.1", port, user: "postgres", password, database: "postgres", ssl: { ca: caPem } };
}

/** One statement on a connection of its own. */
export async function query(config: ClientConfig, sql: string): Promise<unknown[]> {
  const client = new Client(config);
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}
