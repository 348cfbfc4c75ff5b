import { randomUUID } from "node:crypto";
import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { Manifest } from "#lib/contract.ts";
import type { ProgressResult, RunnerEvent } from "#lib/protocol.ts";
import { refuseOtherAction } from "#lib/migrate/run/other-action.ts";
import type { AwsAccess } from "./aws-access.ts";
import { isUnanswered } from "./aws-errors.ts";
import { invokeFunction, queueEvent } from "./invoke.ts";
import { replies } from "./replies.ts";

/** A runner event before it has its run id. */
export type RunRequest = RunnerEvent extends infer Event
  ? Event extends RunnerEvent
    ? Omit<Event, "runId">
    : never
  : never;

/** What a run needs of a stage. Narrow, so that tests drive the life of a run. */
export interface RunPort {
  queue(event: RunnerEvent, signal?: AbortSignal): Promise<void>;
  /** After that a run that is not known will never begin. Default 90 s. */
  readonly beginWithinMs?: number;
  readProgress(runId: string, signal?: AbortSignal): Promise<ProgressResult>;
  /** Asks the run to end; it does so within a second or two, or at the end of what cannot be cancelled. */
  cancel(request: CancelRequest, signal?: AbortSignal): Promise<ProgressResult>;
  /** Makes the id of a new run. Default: a UUID. */
  readonly makeRunId?: () => string;
  /** Of the command line, before the id of a run to watch. Default `--run-id`. */
  readonly watchFlags?: string;
}

export type CancelRequest = {
  readonly runId: string;
  readonly requestedBy: string;
  /** Of a run that was queued and may not have begun: then it never does. Default: such a run is left alone. */
  readonly unbegun?: RunnerEvent["action"] | undefined;
};

export type RunOptions = {
  readonly port: RunPort;
  readonly request: RunRequest;
  /** Of a run that may have begun before: then it is watched, and not queued again. Default: a new one. */
  readonly runId?: string | undefined;
  /** That run was queued before: it is not queued again where it is not known yet. Default false. */
  readonly isQueued?: boolean | undefined;
  readonly onQueued?: ((runId: string) => void) | undefined;
  /** Called when the state has changed, or what the run tells of itself. */
  readonly onState?: ((progress: ProgressResult) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
};

/**
 * `unknownMs`: an event that Lambda could not deliver in 60 s is dropped (the runner's maximum event age); one that was
 * delivered at the last moment needs half a minute for a cold start and to connect. After that it will never begin.
 */
const limits = Object.freeze({ firstPollMs: 150, maxPollMs: 1000, unknownMs: 90_000, failedPollsInARow: 5 });

/**
 * Runs something on a stage and watches it to its end.
 *
 * 1. Make a run id, so that the run has one name whatever happens to the answer; or take the one of a run that is on.
 * 2. Queue the event, once. When the answer is lost the event may be queued all the same: watch.
 * 3. Poll the ledger through the inspect function until the run ended; some polls may fail.
 *
 * Aborting stops the watching, not the run: its id is in the message, and `postern status` shows what it did.
 *
 * @returns what the run recorded as its result
 * @throws PosternError `usage.invalid` for the id of a run of another action; the run's own error; `run.unknown` when it never began; `run.lost` when it began and its
 *   connection is gone; `aws.*`
 */
export async function runOnStage(options: RunOptions): Promise<unknown> {
  const { port, signal } = options;
  const runId = options.runId ?? port.makeRunId?.() ?? randomUUID();
  const known = options.runId === undefined ? undefined : await port.readProgress(runId, signal);
  // Functions of an older version do not tell the action.
  if (known?.action !== undefined) refuseOtherAction({ runId, action: known.action }, options.request.action);
  const isKnown = known !== undefined && known.state !== "unknown";
  if (!isKnown && options.isQueued !== true) await queue(runId, options);
  options.onQueued?.(runId);
  try {
    return readEnd(await watchRun(runId, options));
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    const message = `Stopped watching. The run ${runId} goes on without this terminal.`;
    const hint = whatNext(runId, options.request, port.watchFlags);
    throw new PosternError("aborted", message, { hint, cause: error });
  }
}

/** The verbs that push and rehearse have no flags for a run of before; migrate cancels runs of any kind. */
function whatNext(runId: string, { action }: RunRequest, watchFlags = "--run-id"): string {
  if (action !== "push" && action !== "rehearse") {
    return `Watch it again with ${watchFlags} ${runId}, end it with --cancel ${runId}.`;
  }
  return `End it with \`postern migrate --cancel ${runId}\`; its outcome will be in the table postern.runs.`;
}

async function queue(runId: string, { port, request, signal }: RunOptions): Promise<void> {
  try {
    await port.queue({ ...request, runId }, signal);
  } catch (error) {
    if (!isUnanswered(error)) throw error;
  }
}

/** The functions of a deployed stage as a port. */
export function createRunPort(manifest: Manifest, access: AwsAccess): RunPort {
  const { runner, inspect } = manifest.functions;
  return {
    queue: (event, signal) => queueEvent({ access, functionName: runner, event, signal }),
    readProgress: async (runId, signal) => {
      const event = { action: "progress", runId };
      return replies.progress(await invokeFunction({ access, functionName: inspect, event, signal }));
    },
    cancel: async ({ runId, requestedBy, unbegun }, signal) => {
      const ask = async (event: object) =>
        replies.progress(await invokeFunction({ access, functionName: inspect, event, signal }));
      const event = { action: "cancel", runId, requestedBy };
      const found = await ask(event);
      // Functions of an older version do not take it, and are asked for it only where it matters.
      return found.state === "unknown" && unbegun !== undefined ? await ask({ ...event, unbegun }) : found;
    },
  };
}

/** Polls until the run is no longer unknown or running. */
async function watchRun(runId: string, options: RunOptions): Promise<ProgressResult> {
  const { port, onState, signal } = options;
  const clock = options.clock ?? systemClock;
  const unknownMs = port.beginWithinMs ?? limits.unknownMs;
  const startMs = clock.nowMs();
  let pollMs: number = limits.firstPollMs;
  let failuresInARow = 0;
  let state: ProgressResult["state"] = "unknown";
  let told = "";

  for (;;) {
    await clock.sleep(pollMs, signal);
    pollMs = Math.min(pollMs * 1.5, limits.maxPollMs);
    try {
      const progress = await port.readProgress(runId, signal);
      failuresInARow = 0;
      const news = JSON.stringify([progress.state, progress.progress]);
      if (progress.state !== "unknown" && news !== told) onState?.(progress);
      [state, told] = [progress.state, news];
      if (state === "ended" || state === "lost") return progress;
    } catch (error) {
      failuresInARow += 1;
      // A poll changes nothing, and the run goes on whatever becomes of it.
      if (signal?.aborted === true || failuresInARow >= limits.failedPollsInARow || isForGood(error)) throw error;
    }
    if (state === "unknown" && elapsedMs(clock, startMs) > unknownMs) {
      throw new PosternError("run.unknown", `The run ${runId} did not begin within ${unknownMs / 1000} s.`);
    }
  }
}

function isForGood(error: unknown): boolean {
  return (
    error instanceof PosternError &&
    ["aws.credentials", "aws.permission", "run.unknown"].some((code) => code === error.code)
  );
}

function readEnd(progress: ProgressResult): unknown {
  if (progress.result !== undefined) return progress.result;
  if (progress.error !== undefined) throw PosternError.fromDocument(progress.error);
  throw new PosternError("run.lost", `The run ${progress.runId} began, but its process is gone.`);
}
