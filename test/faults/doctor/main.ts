import process from "node:process";
import { makeRunFolder } from "../../support/run-folder.ts";
import { allFaults } from "./catalogue/all.ts";
import { writeFaultsDocument } from "./docs.ts";
import { isRight, runLab, startLabWorld } from "./lab.ts";
import { describeMatrix } from "./matrix.ts";

/** `npm run lab [-- --draws 20 --only PATTERN --docs]`: the matrix of faults and verdicts; with --docs, docs/faults.md anew. Exit code 1 where one is wrong. */

function option(name: string): string | undefined {
  const index = process.argv.indexOf(`--${name}`);
  return index === -1 ? undefined : process.argv[index + 1];
}

const draws = Number(option("draws") ?? 20);
const only = option("only");
await using runFolder = await makeRunFolder();
await using world = await startLabWorld(runFolder.path);
const faults = allFaults.filter(({ name }) => only === undefined || new RegExp(only).test(name));
const runs = await runLab({
  world,
  faults,
  draws,
  onRun: (run) => {
    process.stderr.write(isRight(run) ? "." : "x");
  },
});
process.stdout.write(`\n${describeMatrix(runs)}\n`);
if (process.argv.includes("--docs")) await writeFaultsDocument(world, faults, runs);
if (runs.length === 0 || !runs.every(isRight)) process.exitCode = 1;
