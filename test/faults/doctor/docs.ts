import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { seededRandom } from "../../support/seeded-random.ts";
import { askDrizzleKit } from "./drizzle-kit-client.ts";
import type { LabFault, LabWorld } from "./fault.ts";
import { isPossible, type LabRun } from "./lab.ts";
import { askPg, askPostgresJs, askPsql } from "./other-clients.ts";

const document = join(import.meta.dirname, "../../../docs/faults.md");
const atOnce = 8;
/** Each takes two seconds of a processor. */
const drizzleAtOnce = 2;
const notAsked = "–";

/** What each client said of one fault, and the doctor. */
type Row = {
  readonly fault: LabFault;
  readonly codes: readonly string[];
  readonly psql: string;
  readonly pg: string;
  readonly postgresJs: string;
  /** Of 0.31 and of 1.0; they are asked once for each verdict. */
  readonly drizzleKit?: readonly [string, string];
};

/**
 * `docs/faults.md`: fault × what psql, pg, postgres.js, drizzle-kit and the doctor say of it. `doctor explain` has it by verdict.
 */
export async function writeFaultsDocument(
  world: LabWorld,
  faults: readonly LabFault[],
  runs: readonly LabRun[],
): Promise<void> {
  const possible = faults.filter((fault) => isPossible(fault, world));
  const asked = await each(possible, atOnce, async (fault) => {
    const codes = runs.filter((run) => run.fault === fault.name).map(({ code }) => code);
    return { fault, codes: [...new Set(codes)], ...(await askDrivers(world, fault)) };
  });
  const firstOf = new Map(
    asked
      .filter(isAsked)
      .map((row) => [row.codes[0], row] as const)
      .toReversed(),
  );
  const rows = await each(asked, drizzleAtOnce, async (row): Promise<Row> => {
    if (firstOf.get(row.codes[0]) !== row) return row;
    return { ...row, drizzleKit: await askBoth(world, row.fault) };
  });
  await writeFile(document, documentOf(rows));
}

async function each<Item, Result>(
  items: readonly Item[],
  most: number,
  act: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const jobs = [...items.entries()];
  const work = async () => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      results[job[0]] = await act(job[1]);
      process.stderr.write(":");
    }
  };
  await Promise.all(Array.from({ length: most }, work));
  return results;
}

async function askDrivers(world: LabWorld, fault: LabFault): Promise<Pick<Row, "psql" | "pg" | "postgresJs">> {
  await using broken = await fault.open(world, seededRandom(1));
  // They would have to be asked from another network, or through a tunnel that does not come up.
  if (broken.examine !== undefined) return { psql: notAsked, pg: notAsked, postgresJs: notAsked };
  return {
    psql: await askPsql(broken, world.runFolder),
    pg: await askPg(broken),
    postgresJs: await askPostgresJs(broken),
  };
}

async function askBoth(world: LabWorld, fault: LabFault): Promise<readonly [string, string]> {
  await using broken = await fault.open(world, seededRandom(1));
  return [await askDrizzleKit(broken, "0.31"), await askDrizzleKit(broken, "1.0")];
}

function isAsked({ psql, codes }: Row): boolean {
  return psql !== notAsked && codes.length === 1;
}

function documentOf(rows: readonly Row[]): string {
  const table = rows.map(({ fault, psql, pg, postgresJs, drizzleKit, codes }) => {
    const [, kit = notAsked] = drizzleKit ?? [];
    return `| ${fault.name} | ${psql} | ${pg} | ${postgresJs} | ${kit} | ${codes.map((one) => `\`${one}\``).join(", ")} |`;
  });
  return `# What is broken, and what each says of it

Made by the fault lab (\`npm run lab -- --docs\`): each fault is made, then psql, node-postgres (\`pg\`), postgres.js and
\`postern doctor\` are asked, with one small query, 32 KB down and 32 KB up. The clients were given six seconds, many of them
wait for minutes; postgres.js was told to wait five (\`connect_timeout\`, 30 by itself). drizzle-kit is \`push\` of 1.0.0-rc.5, once for
each verdict. ${sayOfOldKit(rows)}
A dash: not asked, for the fault is one of packets in a network of its own, of a stage's transport or of a stage from inside. Where
the doctor's verdict is more than one, chance decides what is seen. \`docs/verdicts.md\` says what each verdict means.

| fault | psql | pg | postgres.js | drizzle-kit | doctor |
|---|---|---|---|---|---|
${table.join("\n")}
`;
}

/** Whether drizzle-kit 0.31 ever gave a reason. */
function sayOfOldKit(rows: readonly Row[]): string {
  const said = rows.flatMap(({ drizzleKit }) => (drizzleKit === undefined ? [] : [drizzleKit[0]]));
  const failed = said.filter((text) => text !== "ok");
  const silent = failed.filter((text) => text.startsWith("nothing")).length;
  return `0.31 (\`migrate\`) was asked the same: where it failed, ${silent} of ${failed.length} times it gave no reason, its exit code is 1.`;
}
