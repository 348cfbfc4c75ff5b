import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { Broken } from "./fault.ts";
import { oneLine } from "./one-line.ts";

/** How long others are waited for: most of them would wait for minutes. */
const patienceMs = 6000;
const nothing = `nothing in ${patienceMs / 1000} s`;

const statements = ["select 1", "select repeat('x', 32768)", `select length('${"x".repeat(32_768)}')`];

/** What psql says of a broken way, in one line; "ok" where it says nothing bad. */
export async function askPsql({ address }: Broken, folder: string): Promise<string> {
  const caFile = join(folder, `ca-${address.port}-${process.hrtime.bigint()}.pem`);
  await writeFile(caFile, (address.ca ?? []).join("\n"));
  const { promise, resolve } = Promise.withResolvers<string>();
  const child = execFile(
    "psql",
    ["-X", "-q", "-A", "-t", ...statements.flatMap((sql) => ["-c", sql])],
    { env: { ...process.env, ...environment(address, caFile) }, timeout: patienceMs, killSignal: "SIGKILL" },
    (error, _, stderr) => {
      if (error === null) resolve("ok");
      else resolve(error.killed === true ? nothing : oneLine(stderr));
    },
  );
  child.stdin?.end();
  return await promise;
}

/** What node-postgres says; in a process of its own, for some of what it reads it throws where nobody can catch it. */
export async function askPg(broken: Broken): Promise<string> {
  return await askProgram("pg.mjs", broken);
}

/** What postgres.js says. It waits for half a minute by itself; here it is told to for five seconds. */
export async function askPostgresJs(broken: Broken): Promise<string> {
  return await askProgram("postgres-js.mjs", broken);
}

const startUpMs = 1000;

async function askProgram(name: string, { address }: Broken): Promise<string> {
  const { host, port, database, user, password = "", ca = [] } = address;
  const ssl = address.sslMode === "disable" ? false : { ca };
  const config = JSON.stringify({ host, port, database, user, password, ssl });
  const { promise, resolve } = Promise.withResolvers<string>();
  execFile(
    process.execPath,
    [join(import.meta.dirname, "clients", name), ...statements],
    { env: { ...process.env, LAB_ADDRESS: config }, timeout: patienceMs + startUpMs, killSignal: "SIGKILL" },
    (error, stdout, stderr) => {
      if (stdout !== "") resolve(oneLine(stdout));
      else if (error?.killed === true) resolve(nothing);
      else resolve(`the process ends: ${oneLine(/^\w*Error: .*$/m.exec(stderr)?.[0] ?? "")}`);
    },
  );
  return await promise;
}

function environment(address: DatabaseAddress, caFile: string): NodeJS.ProcessEnv {
  return {
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGDATABASE: address.database,
    PGUSER: address.user,
    PGPASSWORD: address.password ?? "",
    PGSSLMODE: address.sslMode,
    PGSSLROOTCERT: caFile,
    // Where TLS ends in front of the server, psql would see that first, whatever else is broken.
    PGCHANNELBINDING: "disable",
  };
}
