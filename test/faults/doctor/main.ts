import { loadavg } from "node:os";
import process from "node:process";
import { startLoad } from "../../support/faults/load.ts";
import { makeRunFolder } from "../../support/run-folder.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { allFaults, faultGroups } from "./catalogue/all.ts";
import { writeFaultsDocument } from "./docs.ts";
import { confusionOf, figuresOfGroups } from "./figures.ts";
import { isRight, type LabRun, runLab, skippedOf, startLabWorld } from "./lab.ts";
import { writePart } from "./lab-document.ts";
import { describeMatrix } from "./matrix.ts";
import { type LabArguments, labHelp, readLabArguments } from "./options.ts";
import { partOf } from "./parts.ts";

/** `npm run lab [-- …]`, of which `labHelp` tells. */
process.exitCode = await main();

async function main(): Promise<number> {
  let read;
  try {
    read = readLabArguments(process.argv.slice(2));
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
  if (read !== "help") return await look(read);
  process.stdout.write(labHelp);
  return 0;
}

function refuse(message: string): number {
  process.stderr.write(`error ${message}\nhint  npm run lab -- --help\n`);
  return 2;
}

async function look(options: LabArguments): Promise<number> {
  const { only, load, json, docs } = options;
  await using runFolder = await makeRunFolder();
  await using world = await startLabWorld(runFolder.path);
  await using _ = await startLoad(load);

  const { seed } = options.seed === undefined ? seededRandom() : seededRandom(options.seed);
  const part = partOf({ ...options, seed }, world);
  const chosen = part.faults.filter(({ name }) => only.test(name));
  if (chosen.length === 0)
    return refuse(`--only ${only.source}: nothing of this part has such a name; docs/faults.md has them.`);
  const skipped = skippedOf(chosen, world);
  process.stderr.write(`seed ${seed}; ${skipped.length} of ${chosen.length} kinds cannot be made here\n`);
  const runs = await runLab({
    world,
    faults: chosen,
    draws: part.draws,
    seed,
    // What is sound has to be called so at once.
    whileBusy: options.healthy === undefined ? 3 : 0,
    ...(options.atOnce === undefined ? {} : { atOnce: options.atOnce }),
    onRun: tell,
  });

  const busyness = `load average ${loadavg()[0]?.toFixed(1)}${load === 0 ? "" : `, ${load} processes that spin`}`;
  const wrong = runs.filter((run) => !isRight(run)).length;
  const again = runs.filter(({ busy }) => busy > 0).length;
  const summary = [
    `seed ${seed}, ${busyness}`,
    `${runs.length} walks, ${wrong} wrong, ${again} asked again because the machine was busy`,
    `${skipped.length} of ${chosen.length} kinds skipped`,
  ].join("; ");
  const tables = part.tablesOf(runs);
  if (json) {
    const groups = figuresOfGroups(runs, faultGroups);
    process.stdout.write(`${JSON.stringify({ seed, summary, groups, confusion: confusionOf(runs), runs })}\n`);
  } else {
    process.stdout.write(["", describeMatrix(runs), "", ...tables, "", summary, ""].join("\n"));
  }
  if (docs) {
    const command = `npm run lab -- ${process.argv.slice(2).join(" ")}`;
    await writePart(part.heading, ["", `\`${command}\`: ${summary}.`, "", ...tables]);
    if (part.faults === allFaults) await writeFaultsDocument(world, chosen, runs);
  }
  return runs.length === 0 || wrong > 0 ? 1 : 0;
}

function tell(run: LabRun): void {
  process.stderr.write(isRight(run) ? "." : `\nx ${run.fault}: ${run.code} (${run.evidence})\n`);
}
