/**
 * The tunnel beside plain sockets and OpenSSH, in one run on one fresh server. Goals that are missed are said, and change
 * nothing of the exit code: a busy machine is no failure.
 *
 *     npm run bench:tunnel -- [--only ready,round-trip,throughput,sessions,returns,starts,chaos] [--rounds 5] [--quick]
 *                             [--seed N] [--json FILE]
 */
import { writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { startBenchServer } from "../runner/database.ts";
import { measureChaos } from "./chaos/measure.ts";
import { judge, type Measured } from "./goals.ts";
import { measureReady } from "./ready/measure.ts";
import { describe } from "./report.ts";
import { measureReturns } from "./returns/measure.ts";
import { measureRoundTrips } from "./round-trip/measure.ts";
import { startOpenSsh } from "./scene/openssh.ts";
import { fullSizes, quickSizes } from "./sizes.ts";
import { measureStarts } from "./starts/measure.ts";
import { measureThroughput } from "./throughput/measure.ts";
import { measureSessions } from "./throughput/sessions.ts";

const parts = ["ready", "round-trip", "throughput", "sessions", "returns", "starts", "chaos"] as const;
const { values } = parseArgs({
  options: {
    only: { type: "string", default: parts.join(",") },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    seed: { type: "string", default: "2026" },
    json: { type: "string" },
  },
});
const wanted = new Set(values.only.split(","));
const unknown = [...wanted].filter((name) => !parts.some((part) => part === name));
if (unknown.length > 0) throw new Error(`--only ${unknown.join(",")}: expected some of ${parts.join(", ")}.`);
const chosen = values.quick ? quickSizes : fullSizes;
const sizes = { ...chosen, rounds: wholeNumber("--rounds", values.rounds) ?? chosen.rounds };
const seed = wholeNumber("--seed", values.seed) ?? 1;

const note = (text: string) => process.stderr.write(`${text}\n`);
const [loadBefore = 0] = loadavg();
if (loadBefore > availableParallelism() / 2) {
  note(
    `notice: the machine is busy already (load ${loadBefore.toFixed(1)} on ${availableParallelism()} CPUs): take the ratios of a quiet one`,
  );
}

await using server = await startBenchServer();
await using ssh = await startOpenSsh(server.workDir);
if (ssh === undefined) note("notice: ssh or sshd is not installed, so they are left out (Debian: openssh-server)");
const database = await server.createDatabase();
const measured: Measured = {};
const loads: Record<string, number> = {};
for (const part of parts.filter((name) => wanted.has(name))) {
  loads[part] = loadavg()[0] ?? 0;
  note(`measuring ${part} … (load ${loads[part].toFixed(1)})`);
  Object.assign(measured, await measure(part));
}
const goals = judge(measured);
process.stdout.write(describe(measured, goals));
if (values.json !== undefined) {
  const machine = { cpus: availableParallelism(), model: cpus()[0]?.model ?? "", node: process.version };
  const document = {
    at: new Date().toISOString(),
    machine: { ...machine, loadBefore, loads, postgres: server.version },
    sizes,
    ...measured,
    goals,
  };
  await writeFile(values.json, `${JSON.stringify(document, null, 2)}\n`);
}

async function measure(part: (typeof parts)[number]): Promise<Measured> {
  const { host, port } = database.address;
  switch (part) {
    case "ready":
      return { ready: await measureReady({ host, port }, server.workDir, ssh, sizes) };
    case "round-trip":
      return { roundTrips: await measureRoundTrips(database, ssh, sizes) };
    case "throughput":
      return { throughput: await measureThroughput(ssh, sizes) };
    case "sessions":
      return { sessions: await measureSessions(sizes) };
    case "returns":
      return { returns: await measureReturns(database, sizes) };
    case "starts":
      return { starts: await measureStarts(database, sizes) };
    case "chaos":
      return { chaos: await measureChaos(database, { seed, ms: sizes.chaosMs }) };
    default:
      return part satisfies never;
  }
}

function wholeNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!(Number.isInteger(number) && number > 0)) throw new Error(`${flag} ${text}: expected a whole number from 1.`);
  return number;
}
