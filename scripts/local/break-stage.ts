import { PosternError } from "#lib/base/errors.ts";
import { type BreakName, breaks, isBreakName } from "#lib/local/stage/breaks/breaks.ts";
import { askControl } from "#lib/local/stage/breaks/control-client.ts";
import type { Damage } from "#lib/local/stage/breaks/workshop.ts";
import type { CommandContext } from "../command-context.ts";
import { alignColumns, type Style } from "../style.ts";

/** `postern local --break --json`: what there is. */
type BreakList = { readonly breaks: readonly { readonly name: BreakName; readonly line: string }[] };

type RunningStage = {
  readonly dataDir: string;
  /** With which commands find it. */
  readonly flags: readonly string[];
};

/** Breaks the stage that runs on the data folder; without a name, says what can be broken. */
export async function breakStage(name: string | true, stage: RunningStage, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  if (name === true) return output.result(listBreaks(), describeBreaks);
  if (!isBreakName(name)) {
    throw new PosternError("usage.invalid", `--break ${name}: there is no such break.`, {
      hint: `Choose one of these:\n${describeBreaks(listBreaks())}`,
    });
  }
  const damage = await askControl({ do: "break", name }, { dataDir: stage.dataDir, signal });
  output.result(damage, (told, style) => describeDamage(told, stage, style));
}

/** Puts back whatever was broken, and whatever was changed since the start. */
export async function mendStage(stage: RunningStage, { output, signal }: CommandContext): Promise<void> {
  const damage = await askControl({ do: "mend" }, { dataDir: stage.dataDir, signal });
  output.result(damage, (told, style) => describeDamage(told, stage, style));
}

function listBreaks(): BreakList {
  return { breaks: (Object.keys(breaks) as BreakName[]).map((name) => ({ name, line: breaks[name].line })) };
}

function describeBreaks(list: BreakList): string {
  return alignColumns(list.breaks.map(({ name, line }) => [name, line])).join("\n");
}

function describeDamage({ broken, reach }: Damage, { flags }: RunningStage, style: Style): string {
  const { targets, letIn, functionsReachAws, databaseListens, proxyHasTarget } = reach;
  const instances = Object.entries(targets).map(([id, state]) => `${id} ${state}`);
  const rows = [
    ["bastion", instances.length === 0 ? "none" : instances.join(", ")],
    ["bastion to database", letIn.length === 0 ? "not let in" : "let in"],
    ["functions to AWS", functionsReachAws ? "through NAT" : "no way out"],
    ["database", databaseListens ? "listens" : "does not listen"],
    ["proxy", proxyHasTarget ? "leads to the database" : "has no target"],
  ];
  const title = broken.length === 0 ? style.good("Nothing is broken.") : style.bad(`Broken: ${broken.join(", ")}`);
  const lines = [
    ["npm run doctor -- --stage local", ...flags],
    ["npm run local  -- --mend", ...flags],
  ].map((words) => words.join(" "));
  const next = broken.length === 0 ? [] : ["", ...lines];
  return [title, ...alignColumns(rows).map((row) => `  ${row}`), ...next].join("\n");
}
