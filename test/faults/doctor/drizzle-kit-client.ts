import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { connectionUrl } from "#lib/doctor/connection-url.ts";
import { type DrizzleKitVersion, runDrizzleKit } from "../../support/drizzle-kit.ts";
import type { Broken } from "./fault.ts";
import { oneLine } from "./one-line.ts";

/** It loads for two seconds before it does anything. */
const patienceMs = 10_000;

const journal = {
  version: "7",
  dialect: "postgresql",
  entries: [{ idx: 0, version: "7", when: 1_700_000_000_000, tag: "0000_first", breakpoints: true }],
};

/** What a person sees of `drizzle-kit migrate` (0.31) or `push` (1.0): what stands behind its spinner. */
export async function askDrizzleKit({ address }: Broken, version: DrizzleKitVersion): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "postern-drizzle-"));
  try {
    const caFile = join(dir, "ca.pem");
    await writeFile(caFile, (address.ca ?? []).join("\n"));
    const schema = join(dir, "schema.ts");
    await writeFile(schema, "export {};\n");
    await mkdir(join(dir, "meta"));
    await writeFile(join(dir, "meta", "_journal.json"), JSON.stringify(journal));
    await writeFile(join(dir, "0000_first.sql"), "select 1;");
    const options = { dir, url: urlOf(address, caFile), schema, timeoutMs: patienceMs };
    const verb = version === "1.0" ? "push" : "migrate";
    const { output, isOutOfTime, exitCode } = await runDrizzleKit(version, verb, options);
    if (exitCode === 0 && !isOutOfTime) return "ok";
    const text = oneLine(behindSpinner(output));
    if (text !== "") return text;
    return isOutOfTime ? `nothing in ${patienceMs / 1000} s` : `nothing; exit code ${exitCode}`;
  } finally {
    await rm(dir, { recursive: true });
  }
}

function urlOf(address: Broken["address"], caFile: string): string {
  const { sslMode } = address;
  const url = new URL(connectionUrl(address, sslMode === "disable" ? { sslMode } : { sslMode, sslRootCert: caFile }));
  url.password = encodeURIComponent(address.password ?? "");
  return url.href;
}

/** Where it read what, which says nothing, and where in its sources it stumbled. */
const noise = /^(?:Reading (?:config|schema) file|Using '|at )|\.(?:[cm]?js|ts):\d/u;

/** It writes the same line again and again, and where it fails its error as an object in between; then, once more, in words. */
function behindSpinner(output: string): string {
  const plain = stripVTControlCharacters(output);
  const spinner = [...plain.matchAll(/(?:applying migrations|Pulling schema from database)\.\.\./gu)].at(-1);
  const said = spinner === undefined ? plain : plain.slice(spinner.index + spinner[0].length);
  const lines = said.split("\n").map((line) => line.trim());
  return lines.filter((line) => !noise.test(line)).join("\n");
}
