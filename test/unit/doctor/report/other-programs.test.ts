import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verdictPage } from "#lib/doctor/report/verdict-page.ts";
import { verdictCodes } from "#lib/doctor/verdicts.ts";

const root = join(import.meta.dirname, "../../../..");

/** The table of `docs/faults.md`: its columns between the fault and the doctor are programs, whichever they are. */
async function readFaults() {
  const text = await readFile(join(root, "docs/faults.md"), "utf8");
  const rows = text
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.slice(2, -2).split(/(?<!\\) \| /u));
  const [titles = [], ...faults] = rows;
  return { programs: titles.slice(1, -1), faults };
}

/** A dash: it was not asked. */
const isNews = (text: string) => text !== "–" && text !== "ok";

async function readOthers() {
  const { programs, faults } = await readFaults();
  const byCode = verdictCodes.map((code) => {
    const rows = code === "ok" ? [] : faults.filter((row) => row.at(-1)?.includes(`\`${code}\``) === true);
    const texts = programs.map((program, index) => {
      const said = rows.map((row) => (row[index + 1] ?? "").replaceAll("\\|", "|")).filter(isNews);
      return [program, [...new Set(said)]] as const;
    });
    return [code, Object.fromEntries(texts.filter(([, said]) => said.length > 0))] as const;
  });
  return Object.fromEntries(byCode.filter(([, said]) => Object.keys(said).length > 0));
}

test("other-programs.json is what the fault lab saw", async () => {
  const document = `${JSON.stringify(await readOthers(), undefined, 2)}\n`;
  await expect(document).toMatchFileSnapshot(join(root, "lib/doctor/report/other-programs.json"));
});

test("the message that people search for stands with its verdicts", async () => {
  const { programs } = await readFaults();
  expect(programs.slice(0, 2)).toEqual(["psql", "pg"]);
  const psql = verdictPage("endpoint.closed").others.find(({ program }) => program === "psql");
  expect(psql?.texts.join()).toContain("server closed the connection unexpectedly");
});
