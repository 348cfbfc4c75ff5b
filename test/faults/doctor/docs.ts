import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { seededRandom } from "../../support/seeded-random.ts";
import type { LabFault, LabWorld } from "./fault.ts";
import { isPossible, type LabRun } from "./lab.ts";
import { askPg, askPsql } from "./other-clients.ts";

const file = join(import.meta.dirname, "../../../docs/faults.md");
const atOnce = 8;

/** `docs/faults.md`: fault × what psql says × what pg says × what the doctor says. */
export async function writeFaultsDocument(
  world: LabWorld,
  faults: readonly LabFault[],
  runs: readonly LabRun[],
): Promise<void> {
  const jobs = faults.filter((fault) => isPossible(fault, world));
  const rows = new Map<string, string>();
  const work = async () => {
    for (let fault = jobs.shift(); fault !== undefined; fault = jobs.shift()) {
      const { name } = fault;
      const [psql, pg] = await askOthers(world, fault);
      const codes = [...new Set(runs.filter((run) => run.fault === name).map(({ code }) => `\`${code}\``))];
      rows.set(name, `| ${name} | ${psql} | ${pg} | ${codes.join(", ")} |`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  const table = faults.flatMap(({ name }) => rows.get(name) ?? []);
  await writeFile(file, documentOf(table));
}

async function askOthers(world: LabWorld, fault: LabFault): Promise<readonly [string, string]> {
  await using broken = await fault.open(world, seededRandom(1));
  // They would have to be asked from another network.
  if (broken.examine !== undefined) return ["–", "–"];
  return [await askPsql(broken, world.runFolder), await askPg(broken)];
}

function documentOf(table: readonly string[]): string {
  return `# What is broken, and what each says of it

Made by the fault lab (\`npm run lab -- --docs\`): each fault is made, then psql, node-postgres (\`pg\`) and \`postern doctor\`
are asked, with one small query, 32 KB down and 32 KB up. psql and pg were given six seconds; many of them wait for minutes.
A dash: not asked, for the fault is one of packets in a network of its own. Where the doctor's verdict is more than one,
chance decides what is seen. \`docs/verdicts.md\` says what each verdict means.

| fault | psql | pg | doctor |
|---|---|---|---|
${table.join("\n")}
`;
}
