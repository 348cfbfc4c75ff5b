import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { Broken } from "./fault.ts";

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
export async function askPg({ address }: Broken): Promise<string> {
  const { host, port, database, user, password = "", ca = [] } = address;
  const ssl = address.sslMode === "disable" ? false : { ca };
  const { promise, resolve } = Promise.withResolvers<string>();
  execFile(
    process.execPath,
    ["-e", pgProgram, JSON.stringify({ host, port, database, user, password, ssl }), ...statements],
    { cwd: import.meta.dirname, timeout: patienceMs + startUpMs, killSignal: "SIGKILL" },
    (error, stdout, stderr) => {
      if (stdout !== "") resolve(oneLine(stdout));
      else if (error?.killed === true) resolve(nothing);
      else resolve(`the process ends: ${oneLine(/^\w*Error: .*$/m.exec(stderr)?.[0] ?? "")}`);
    },
  );
  return await promise;
}

const startUpMs = 1000;
const pgProgram = `
const [config, ...statements] = process.argv.slice(1);
const client = new (require("pg").Client)(JSON.parse(config));
client.on("error", () => {});
(async () => {
  await client.connect();
  for (const sql of statements) await client.query(sql);
  return "ok";
})().catch((error) => error.message || error.code || String(error)).then((text) => {
  process.stdout.write(text, () => process.exit());
});`;

function environment(address: DatabaseAddress, caFile: string): NodeJS.ProcessEnv {
  return {
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGDATABASE: address.database,
    PGUSER: address.user,
    PGPASSWORD: address.password ?? "",
    PGSSLMODE: address.sslMode,
    PGSSLROOTCERT: caFile,
  };
}

/** Without what differs from run to run. */
function oneLine(text: string): string {
  return (
    text
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "")
      .join(" ")
      .replaceAll(/lab_[0-9a-f]+_\d+/g, "app")
      .replaceAll(/port \d{4,5}/g, "port 5432")
      .replaceAll(/:\d{4,5}\b/g, ":5432")
      .replaceAll(/[^\x20-\x7e]/g, "?")
      // Where in its sources OpenSSL stumbled.
      .replaceAll(/\b[0-9A-F]{12,16}:(error:)/g, "$1")
      .replace(/:\.\.\/deps\/.*$/, "")
      .replace(/^psql: error: /, "")
      .replace(/^connection to server at "[^"]*"(?: \([^)]*\))?, port 5432 failed: /, "")
      .replaceAll("|", "\\|")
      .slice(0, 160)
  );
}
