/**
 * The runner beside its peers, in one run on one fresh server: migrations, seeds, memory, and what a lock queue does to
 * readers. Goals that are missed are said, and change nothing of the exit code: a busy machine is no failure.
 *
 *     npm run bench:runner -- [--only migrations,seeds,memory,locks] [--rounds 5] [--quick] [--json FILE]
 */
import { writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { startBenchServer } from "./database.ts";
import { judge, type Measured } from "./goals.ts";
import { measureLockQueue } from "./locks/measure.ts";
import { measureMigrations } from "./migrations/measure.ts";
import { findPsql } from "./psql.ts";
import { describe } from "./report.ts";
import { measureMemory } from "./seeds/memory.ts";
import { measureSeeds } from "./seeds/measure.ts";
import { fullSizes, quickSizes } from "./sizes.ts";

const parts = ["migrations", "seeds", "memory", "locks"] as const;
const { values } = parseArgs({
  options: {
    only: { type: "string", default: parts.join(",") },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
  },
});
const wanted = new Set(values.only.split(","));
const unknown = [...wanted].filter((name) => !parts.some((part) => part === name));
if (unknown.length > 0) throw new Error(`--only ${unknown.join(",")}: expected some of ${parts.join(", ")}.`);
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) {
  throw new Error(`--rounds ${values.rounds}: expected a whole number from 1.`);
}
const chosen = values.quick ? quickSizes : fullSizes;
const sizes = { ...chosen, rounds: rounds ?? chosen.rounds };

const psqlVersion = findPsql();
const note = (text: string) => process.stderr.write(`${text}\n`);
if (psqlVersion === undefined) note("notice: psql is not installed, so it is left out (Debian: postgresql-client)");

const [loadBefore = 0] = loadavg();
if (loadBefore > availableParallelism() / 2) {
  note(
    `notice: the machine is busy already (load ${loadBefore.toFixed(1)} on ${availableParallelism()} CPUs): take the ratios of a quiet one`,
  );
}

await using server = await startBenchServer();
const measured: Measured = {};
for (const part of parts.filter((name) => wanted.has(name))) {
  note(`measuring ${part} …`);
  Object.assign(measured, await measure(part));
}
const goals = judge(measured);
const machine = { cpus: availableParallelism(), loadBefore, model: cpus()[0]?.model ?? "", node: process.version };
process.stdout.write(describe(measured, goals));
if (values.json !== undefined) {
  const document = {
    at: new Date().toISOString(),
    machine: { ...machine, postgres: server.version, psql: psqlVersion },
    sizes,
    ...measured,
    goals,
  };
  await writeFile(values.json, `${JSON.stringify(document, null, 2)}\n`);
}

async function measure(part: (typeof parts)[number]): Promise<Measured> {
  const hasPsql = psqlVersion !== undefined;
  switch (part) {
    case "migrations":
      return { migrations: await measureMigrations(server, sizes, hasPsql) };
    case "seeds":
      return { seeds: await measureSeeds(server, sizes, hasPsql) };
    case "memory":
      return { memory: await measureMemory(server, sizes) };
    case "locks":
      return { locks: await measureLockQueue(server, sizes) };
    default:
      return part satisfies never;
  }
}
