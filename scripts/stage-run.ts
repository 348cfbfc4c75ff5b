import { createRunPort, runOnStage, type RunRequest } from "#lib/stage/run.ts";
import type { CommandContext } from "./command-context.ts";
import type { StageTarget } from "./target.ts";

/** Has the runner of a stage do something, and says on stderr how it goes. */
export async function runFor(target: StageTarget, request: RunRequest, context: CommandContext): Promise<unknown> {
  const { output, signal } = context;
  return await runOnStage({
    port: createRunPort(target.manifest, target.access),
    request,
    signal,
    onQueued: (runId) => output.note(`run ${runId} is queued`),
    onState: ({ state, runId }) => {
      if (state === "running") output.note(`run ${runId} is running`);
    },
  });
}
