import { loadavg } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { startLoad } from "../../support/faults/load.ts";
import { makeRunFolder } from "../../support/run-folder.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { allFaults, faultGroups } from "./catalogue/all.ts";
import { writeFaultsDocument } from "./docs.ts";
import { confusionOf, figuresOfGroups } from "./figures.ts";
import { isRight, type LabRun, runLab, skippedOf, startLabWorld } from "./lab.ts";
import { writePart } from "./lab-document.ts";
import { describeMatrix } from "./matrix.ts";
import { partOf } from "./parts.ts";

/**
 * `npm run lab [-- …]`: exit code 1 where a verdict is wrong.
 *
 * | option | what is looked at |
 * |---|---|
 * | `--draws 20` | every fault, each drawn so often (default) |
 * | `--healthy 1000` | so many walks to endpoints on which nothing is broken |
 * | `--loss 5` | ways that lose 1 to 40 % of everything, each walked so often |
 * | `--pairs 100` | so many pairs of faults, each of which is there at once |
 *
 * With each: `--only PATTERN` by name, `--load N` with so many processes that spin, `--at-once N` walks, `--seed N`, `--json`.
 * `--docs` writes its part of docs/lab.md anew, and that of every fault docs/faults.md.
 */
const { values } = parseArgs({
  options: {
    draws: { type: "string", default: "20" },
    healthy: { type: "string" },
    loss: { type: "string" },
    pairs: { type: "string" },
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

const { seed } = values.seed === undefined ? seededRandom() : seededRandom(Number(values.seed));
const part = partOf({ ...values, seed }, world);
const chosen = part.faults.filter(({ name }) => new RegExp(values.only).test(name));
const skipped = skippedOf(chosen, world);
process.stderr.write(`seed ${seed}; ${skipped.length} of ${chosen.length} kinds cannot be made here\n`);
const runs = await runLab({
  world,
  faults: chosen,
  draws: part.draws,
  seed,
  // What is sound has to be called so at once.
  whileBusy: values.healthy === undefined ? 3 : 0,
  ...(values["at-once"] === undefined ? {} : { atOnce: Number(values["at-once"]) }),
  onRun: tell,
});

const load = `load average ${loadavg()[0]?.toFixed(1)}${values.load === "0" ? "" : `, ${values.load} processes that spin`}`;
const wrong = runs.filter((run) => !isRight(run)).length;
const again = runs.filter(({ busy }) => busy > 0).length;
const summary = [
  `seed ${seed}, ${load}`,
  `${runs.length} walks, ${wrong} wrong, ${again} asked again because the machine was busy`,
  `${skipped.length} of ${chosen.length} kinds skipped`,
].join("; ");
const tables = part.tablesOf(runs);
if (values.json) {
  const groups = figuresOfGroups(runs, faultGroups);
  process.stdout.write(`${JSON.stringify({ seed, summary, groups, confusion: confusionOf(runs), runs })}\n`);
} else {
  process.stdout.write(["", describeMatrix(runs), "", ...tables, "", summary, ""].join("\n"));
}
if (values.docs) {
  const command = `npm run lab -- ${process.argv.slice(2).join(" ")}`;
  await writePart(part.heading, ["", `\`${command}\`: ${summary}.`, "", ...tables]);
  if (part.faults === allFaults) await writeFaultsDocument(world, chosen, runs);
}
if (runs.length === 0 || wrong > 0) process.exitCode = 1;

function tell(run: LabRun): void {
  process.stderr.write(isRight(run) ? "." : `\nx ${run.fault}: ${run.code} (${run.evidence})\n`);
}
