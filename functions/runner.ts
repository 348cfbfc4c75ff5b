import process from "node:process";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import { createJsonLog } from "#lib/base/log.ts";
import type { DeployResult, ErrorReply } from "#lib/protocol.ts";
import { describeDeployFailure } from "#lib/migrate/deploy/failure.ts";
import { handleDeployEvent } from "#lib/migrate/deploy.ts";
import { isDeployEvent, parseDeployEvent, parseRunnerEvent } from "#lib/migrate/events.ts";
import { handleRunnerEvent, type RunnerResult } from "#lib/migrate/runner.ts";
import { openRunnerPorts, type RunnerTime } from "#lib/stage/runner-ports.ts";

const log = createJsonLog((line) => process.stdout.write(`${line}\n`));
/** Kept back to record a run's outcome before Lambda ends the process. */
const closingMs = 10_000;

/** What is used of Lambda's context object. */
type Context = { getRemainingTimeInMillis(): number };

/** Does one run; its outcome is in the ledger, and in the reply for whoever invoked it synchronously. */
export async function handler(event: unknown, context: Context): Promise<RunnerResult | DeployResult | ErrorReply> {
  using time = startTime(context);
  if (isDeployEvent(event)) return await deploy(event, time);
  try {
    const known = parseRunnerEvent(event);
    const { action, runId, requestedBy } = known;
    log.info("run begins", { action, runId, requestedBy });
    const result = await handleRunnerEvent(known, await openRunnerPorts(process.env, import.meta.dirname, time));
    // The alarm for failed runs looks for the status.
    log.info("run ended", { action, runId, status: "status" in result ? result.status : "done" });
    return result;
  } catch (error) {
    const document = toPosternError(error).toDocument();
    log.warn("run failed", { code: document.code, error: document.message });
    return { error: document };
  }
}

/** Throws what went wrong: Lambda then reports a FunctionError, by which the deploy that waits for it fails. */
async function deploy(event: unknown, time: RunnerTime): Promise<DeployResult> {
  try {
    const known = parseDeployEvent(event);
    log.info("deploy begins", { requestedBy: known.requestedBy, migrate: known.migrate, seed: known.seed });
    const ports = await openRunnerPorts(process.env, import.meta.dirname, time);
    return await handleDeployEvent(known, ports, {
      onFinding: ({ code, message }) => log.warn("setup found", { code, finding: message }),
    });
  } catch (error) {
    const failure = describeDeployFailure(error);
    log.warn("deploy failed", { error: failure.message });
    throw failure;
  }
}

/** A timer of our own: the reason of `AbortSignal.timeout` does not say what was over, and would outlive this run. */
function startTime(context: Context): RunnerTime & Disposable {
  const remainingMs = () => Math.max(0, context.getRemainingTimeInMillis() - closingMs);
  const stop = new AbortController();
  const reason = new PosternError("aborted", "Stopped: the time that the function has is nearly over.");
  const timer = setTimeout(() => stop.abort(reason), remainingMs());
  return { remainingMs, signal: stop.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
