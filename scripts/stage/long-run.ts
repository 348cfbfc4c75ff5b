import { type Command, Option } from "commander";
import { PosternError } from "#lib/base/errors.ts";
import type { LongRuns, Manifest } from "#lib/contract.ts";
import type { CommandContext } from "../command-context.ts";
import { choose } from "../prompt.ts";
import type { Target } from "../target.ts";

export const longRunHelp = `
With --long-run the stage's long-run task does it instead of the function: the same runner in a container, which has no fifteen
minutes and takes about a minute to start. When a run did not get done in the function's time you are asked whether to go on so.`;

export function addLongRunOption(command: Command): Command {
  return command.addOption(
    new Option("--long-run", "have the long-run task do it, without the function's fifteen minutes (with --stage)").env(
      "POSTERN_LONG_RUN",
    ),
  );
}

/** @throws PosternError `usage.invalid` for a database that is worked on from here; `stage.no-long-runs` */
export function refuseLongRun(target: Target): void {
  if (target.kind === "url") {
    throw new PosternError("usage.invalid", "--long-run goes with --stage: from here nothing limits a run's time.");
  }
  requireLongRuns(target.manifest);
}

/** @throws PosternError `stage.no-long-runs` */
export function requireLongRuns({ longRuns, stage }: Manifest): LongRuns {
  if (longRuns !== undefined) return longRuns;
  throw new PosternError("stage.no-long-runs", `The stage ${stage} has no long-run task.`);
}

/**
 * Asks whether to go on with the long-run task, after a run for which the function's time did not suffice.
 *
 * @param why ends in no full stop
 * @param where `approve`: hash of what is left of an approved plan
 * @returns false also without a terminal, and for a stage without long runs; what to do is then said
 */
export async function offerLongRun(
  why: string,
  { manifest, approve }: { readonly manifest: Manifest; readonly approve?: string | undefined },
  context: CommandContext,
): Promise<boolean> {
  const { output } = context;
  if (manifest.longRuns === undefined) {
    const { message, hint } = new PosternError(
      "stage.no-long-runs",
      `The stage ${manifest.stage} has no long-run task.`,
    );
    output.note(`${why}. ${message} ${hint ?? ""}`);
    return false;
  }
  const answer = await choose(`${why}. What now?`, [
    { value: "long-run", name: "go on as a long-run task, which has no time limit" },
    { value: "stop", name: "stop here" },
  ]);
  const flags = approve === undefined ? "--long-run" : `--long-run --approve ${approve}`;
  if (answer === undefined) output.note(`${why}: run it again with ${flags}, as a task without a time limit`);
  return answer === "long-run";
}
