import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { matrix } from "./matrix/all.ts";

const root = path.join(import.meta.dirname, "../..");

/** What the stage's own functions do, by their roles; no person does. */
const ofFunctions = ["GetObject", "GetSecretValue", "ListObjectsV2", "PutSecretValue", "UpdateSecretVersionStage"];

/** The commands of AWS's SDK that are sent, the local stage's stand-ins apart. */
function findCommands(): readonly string[] {
  const files = globSync(["lib/**/*.ts", "scripts/**/*.ts"], { cwd: root, exclude: ["lib/local/**"] });
  const sent = files.flatMap(
    (file) => readFileSync(path.join(root, file), "utf8").match(/(?<=\bnew )\w+(?=Command\()/g) ?? [],
  );
  return [...new Set(sent)].toSorted();
}

it("whatever the command line asks AWS for is allowed to somebody, and nothing else of it to anybody", () => {
  const rows = Object.values(matrix).flat();
  // Rows about what denials leave alone, and about CI, say nothing of who has it from here.
  const allowed = rows.filter(
    ({ as, decision }) => decision === "allow" && !/administrator|^CI|^job|boundary/.test(as.name),
  );
  const actions = new Set(allowed.map(({ action }) => action.replace(/^.*:/, "")));
  const commands = findCommands();
  expect(commands).toContain("StartSession");
  // The API and the right to it are not named alike.
  const names = new Map([["Invoke", "InvokeFunction"]]);
  const missing = commands.filter((one) => !actions.has(names.get(one) ?? one));
  expect(missing).toStrictEqual(ofFunctions);
});
