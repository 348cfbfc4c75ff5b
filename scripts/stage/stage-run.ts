import type { ProgressResult } from "#lib/protocol.ts";
import { PosternError } from "#lib/base/errors.ts";
import { createRunPort, type RunPort, runOnStage, type RunRequest } from "#lib/stage/run.ts";
import type { CommandContext } from "../command-context.ts";
import { choose } from "../prompt.ts";
import { describeRequester } from "../provenance.ts";
import { requireLongRuns } from "./long-run.ts";
import { isLongRunId } from "#lib/stage/long-run-id.ts";
import { describeRunProgress } from "./run-progress.ts";
import type { StageTarget } from "../target.ts";

export type RunHow = {
  /** Of a run to attach to. Default: a new one. */
  readonly runId?: string | undefined;
  /** As the long-run task, and not in the function. Default: where the id is that of a long run. */
  readonly longRun?: boolean | undefined;
};

/** How long a cancelled run may take to record its end. */
const cancelWaitMs = 60_000;

/**
 * Has the runner of a stage do something, and says on stderr how it goes. Ctrl-C asks whether to leave the run alone or to cancel
 * it; without a terminal it is left alone.
 *
 * @throws PosternError `stage.no-long-runs`, and those of `runOnStage`
 */
export async function runFor(
  target: StageTarget,
  request: RunRequest,
  context: CommandContext,
  { runId, longRun = false }: RunHow = {},
): Promise<unknown> {
  const { output, signal } = context;
  const isLong = longRun || (target.manifest.longRuns !== undefined && isLongRunId(runId));
  const port = isLong ? await openLongRuns(target, context) : createRunPort(target.manifest, target.access);
  let known = runId;
  const onQueued = (id: string) => {
    known = id;
    output.note(runId === undefined ? `run ${id} is queued` : `watching run ${id}`);
  };
  const onState = (progress: ProgressResult) => {
    if (progress.state !== "running") return;
    output.note(
      progress.progress === undefined ? `run ${progress.runId} is running` : describeRunProgress(progress.progress),
    );
  };
  try {
    return await runOnStage({ port, request, signal, runId, onQueued, onState });
  } catch (error) {
    if (!signal.aborted || known === undefined || (await askInterrupted(known)) !== "cancel") throw error;
    output.note(`cancelling run ${known}`);
    await port.cancel({ runId: known, requestedBy: describeRequester(), unbegun: request.action });
    const ending = { isQueued: true, onState, signal: AbortSignal.timeout(cancelWaitMs) };
    return await runOnStage({ port, request, runId: known, ...ending });
  }
}

/** Loaded here: few runs are long ones. */
async function openLongRuns({ manifest, access }: StageTarget, { output }: CommandContext): Promise<RunPort> {
  const { createLongRunPort } = await import("#lib/stage/long-run.ts");
  const onStarted = (taskArn: string) =>
    output.note(`task ${taskArn.split("/").at(-1)} is starting, which takes about a minute`);
  return createLongRunPort(manifest, requireLongRuns(manifest), access, { onStarted });
}

/** Cancels a run of a stage and says where it stood. */
export async function cancelOnStage(target: StageTarget, runId: string, context: CommandContext): Promise<void> {
  const port: RunPort = createRunPort(target.manifest, target.access);
  reportCancel(await port.cancel({ runId, requestedBy: describeRequester() }, context.signal), context);
}

/** @throws PosternError `run.unknown` when there is nothing to cancel */
export function reportCancel({ runId, state, progress }: ProgressResult, { output }: CommandContext): void {
  if (state !== "running") {
    const what = state === "unknown" ? "is not known here" : "has ended already";
    throw new PosternError("run.unknown", `The run ${runId} ${what}: nothing was cancelled.`, {
      hint: "See `postern status`.",
    });
  }
  const where = progress === undefined ? "" : ` (${describeRunProgress(progress)})`;
  output.result({ runId, cancelled: true }, () => `run ${runId} is asked to end${where}`);
}

async function askInterrupted(runId: string): Promise<"leave" | "cancel" | undefined> {
  return await choose(`The run ${runId} is still on. What now?`, [
    { value: "leave", name: "leave it running, and stop watching" },
    { value: "cancel", name: "cancel it: the statement under way is stopped, what is committed stays" },
  ]);
}
