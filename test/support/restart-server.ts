import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { clusterPath } from "#lib/local/postgres/home.ts";
import { startPostgresServer } from "#lib/local/postgres/server.ts";
import type { OwnTestServer } from "./postgres.ts";

/** As `pg_ctl restart -m fast` (SIGINT) and `-m immediate` (SIGQUIT) do: the latter is a crash of the server. */
export async function restartServer(server: OwnTestServer, signal: "SIGINT" | "SIGQUIT") {
  const { dataDir, port } = server;
  const pidFile = await readFile(join(clusterPath(dataDir), "postmaster.pid"), "utf8");
  process.kill(Number(pidFile.split("\n")[0]), signal);
  await server.stop();
  return await startPostgresServer({ dataDir, port, durable: false });
}
