import process from "node:process";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import { createJsonLog } from "#lib/base/log.ts";
import { longRunEvent } from "#lib/contract.ts";
import { parseRunnerEvent } from "#lib/migrate/events.ts";
import { handleRunnerEvent } from "#lib/migrate/runner.ts";
import { openRunnerPorts } from "#lib/stage/runner-ports.ts";

/**
 * The long-run task: the same runner in a container, for what takes longer than a function may. The event comes in an
 * environment variable, for that is what starting a task can override; the outcome is in the ledger, as always.
 *
 * SIGTERM, which the container gets half a minute before it is killed, ends the run as a deadline does: nothing new begins,
 * and the statement under way goes on until the process is killed, when the server rolls it back.
 */
const log = createJsonLog((line) => process.stdout.write(`${line}\n`));
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort(new PosternError("aborted", "Stopped by SIGTERM.")));

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const event = parseRunnerEvent(parseJson(process.env[longRunEvent]));
    const { action, runId, requestedBy } = event;
    log.info("run begins", { action, runId, requestedBy });
    const time = { signal: stop.signal, remainingMs: () => Number.POSITIVE_INFINITY };
    const result = await handleRunnerEvent(event, await openRunnerPorts(process.env, import.meta.dirname, time));
    const status = "status" in result ? result.status : "done";
    log.info("run ended", { action, runId, status });
    return status === "failed" || status === "refused" || status === "partial" ? 1 : 0;
  } catch (error) {
    const { code, message, exitCode } = toPosternError(error);
    log.warn("run failed", { code, error: message });
    return exitCode;
  }
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) throw new PosternError("event.invalid", `${longRunEvent} is not set: expected the event.`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PosternError("event.invalid", `${longRunEvent} is not JSON: expected the event.`, { cause });
  }
}
