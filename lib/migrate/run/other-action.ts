import { PosternError } from "#lib/base/errors.ts";

/**
 * The id names a run, but of something else: its outcome is no answer to what was asked.
 *
 * @throws PosternError `usage.invalid`
 */
export function refuseOtherAction(run: { readonly runId: string; readonly action: string }, asked: string): void {
  if (run.action === asked) return;
  throw new PosternError("usage.invalid", `The run ${run.runId} is a ${run.action} run: expected a ${asked} run.`, {
    hint: "Leave --run-id out to begin a run of its own. `--cancel` ends a run of any kind.",
  });
}
