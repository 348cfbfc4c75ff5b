/**
 * Clients that work through one tunnel for minutes while the gateway closes its socket every five seconds: does it leak? The
 * exit code says it: 0 nothing grows and every answer was right, 1 something does not hold.
 *
 *     npm run bench:soak -- [--minutes 10] [--json FILE]
 */
import { writeFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { startBenchServer } from "../../runner/database.ts";
import { describeSoak } from "./describe.ts";
import { runSoak } from "./run.ts";
import { judgeSoak } from "./verdict.ts";

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, json: { type: "string" } },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes}: expected a number over 0.`);

const [loadBefore = 0] = loadavg();
await using server = await startBenchServer();
const soak = await runSoak(await server.createDatabase(), {
  ms: minutes * 60_000,
  onSample: ({ atMs, held }) => {
    const seconds = (atMs / 1000).toFixed(0);
    process.stderr.write(`${seconds} s: heap ${held.heapMb.toFixed(1)} MB, rss ${held.rssMb.toFixed(0)} MB\n`);
  },
});
const verdict = judgeSoak(soak);
process.stdout.write(describeSoak(soak, verdict));
if (values.json !== undefined) {
  const machine = { cpus: availableParallelism(), loadBefore, loadAfter: loadavg()[0], node: process.version };
  const document = { at: new Date().toISOString(), machine, ...soak, verdict };
  await writeFile(values.json, `${JSON.stringify(document, null, 2)}\n`);
}
process.exitCode = verdict.every(({ isMet }) => isMet) ? 0 : 1;
