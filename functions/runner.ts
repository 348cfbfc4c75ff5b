import process from "node:process";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import { createJsonLog } from "#lib/base/log.ts";
import type { ErrorReply } from "#lib/protocol.ts";
import { parseRunnerEvent } from "#lib/migrate/events.ts";
import { handleRunnerEvent, type RunnerResult } from "#lib/migrate/runner.ts";
import { openRunnerPorts, type RunnerTime } from "#lib/stage/runner-ports.ts";

const log = createJsonLog((line) => process.stdout.write(`${line}\n`));
/** Kept back to record a run's outcome before Lambda ends the process. */
const closingMs = 10_000;

/** What is used of Lambda's context object. */
type Context = { getRemainingTimeInMillis(): number };

/** Does one run; its outcome is in the ledger, and in the reply for whoever invoked it synchronously. */
export async function handler(event: unknown, context: Context): Promise<RunnerResult | ErrorReply> {
  using time = startTime(context);
  try {
    const known = parseRunnerEvent(event);
    const { action, runId, requestedBy } = known;
    log.info("run begins", { action, runId, requestedBy });
    const ports = await openRunnerPorts(process.env, import.meta.dirname, time);
    const result = await handleRunnerEvent(known, ports);
    log.info("run ended", { action, runId });
    return result;
  } catch (error) {
    const document = toPosternError(error).toDocument();
    log.warn("run failed", { code: document.code, message: document.message });
    return { error: document };
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
