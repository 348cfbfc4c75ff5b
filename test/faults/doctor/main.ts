import { loadavg } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { startLoad } from "../../support/faults/load.ts";
import { makeRunFolder } from "../../support/run-folder.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { allFaults } from "./catalogue/all.ts";
import { healthyEndpoints } from "./catalogue/healthy.ts";
import { writeFaultsDocument } from "./docs.ts";
import type { LabFault } from "./fault.ts";
import { isRight, type LabRun, runLab, skippedOf, startLabWorld } from "./lab.ts";
import { describeSweep, lossSweep } from "./loss.ts";
import { describeMatrix } from "./matrix.ts";

/**
 * `npm run lab [-- …]`: exit code 1 where a verdict is wrong.
 *
 * | option | what is looked at |
 * |---|---|
 * | `--draws 20` | every fault, each drawn so often (default) |
 * | `--healthy 1000` | so many walks to endpoints on which nothing is broken |
 * | `--loss 5` | ways that lose 1 to 40 % of everything, each walked so often |
 *
 * With each: `--only PATTERN` by name, `--load N` with so many processes that spin, `--at-once N` runs, `--seed N`, `--json`.
 * `--docs` writes docs/faults.md anew.
 */
const { values } = parseArgs({
  options: {
    draws: { type: "string", default: "20" },
    healthy: { type: "string" },
    loss: { type: "string" },
    only: { type: "string", default: "" },
    load: { type: "string", default: "0" },
    "at-once": { type: "string" },
    seed: { type: "string" },
    json: { type: "boolean", default: false },
    docs: { type: "boolean", default: false },
  },
});

await using runFolder = await makeRunFolder();
await using world = await startLabWorld(runFolder.path);
await using _ = await startLoad(Number(values.load));

const { faults, draws } = whatToRun();
const chosen = faults.filter(({ name }) => new RegExp(values.only).test(name));
const skipped = skippedOf(chosen, world);
const { seed } = values.seed === undefined ? seededRandom() : seededRandom(Number(values.seed));
process.stderr.write(`seed ${seed}; ${skipped.length} of ${chosen.length} cannot be made here\n`);
const runs = await runLab({
  world,
  faults: chosen,
  draws,
  seed,
  ...(values["at-once"] === undefined ? {} : { atOnce: Number(values["at-once"]) }),
  onRun: tell,
});
const load = `load average ${loadavg()[0]?.toFixed(1)}`;
process.stdout.write(values.json ? `${JSON.stringify({ seed, runs })}\n` : `\n${describeMatrix(runs)}; ${load}\n`);
if (values.loss !== undefined && !values.json) process.stdout.write(`${describeSweep(runs)}\n`);
if (values.docs) await writeFaultsDocument(world, chosen, runs);
if (runs.length === 0 || !runs.every(isRight)) process.exitCode = 1;

function whatToRun(): { readonly faults: readonly LabFault[]; readonly draws: number } {
  if (values.loss !== undefined) return { faults: lossSweep, draws: Number(values.loss) };
  if (values.healthy === undefined) return { faults: allFaults, draws: Number(values.draws) };
  const possible = healthyEndpoints.length - skippedOf(healthyEndpoints, world).length;
  return { faults: healthyEndpoints, draws: Math.ceil(Number(values.healthy) / possible) };
}

function tell(run: LabRun): void {
  process.stderr.write(isRight(run) ? "." : `\nx ${run.fault}: ${run.code} (${run.evidence})\n`);
}
