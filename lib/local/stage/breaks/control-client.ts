import { join } from "node:path";
import * as v from "valibot";
import { PosternError } from "#lib/base/errors.ts";
import { readIfPresent } from "#lib/base/private-file.ts";
import { controlFile, type ControlRequest } from "./control.ts";
import type { Damage } from "./workshop.ts";

const failureSchema = v.object({
  error: v.object({ code: v.string(), message: v.string(), hint: v.optional(v.string()) }),
});
const fileSchema = v.pipe(v.string(), v.parseJson(), v.object({ url: v.string(), token: v.string() }));
/** A database that is stopped or started takes its time. */
const timeoutMs = 60_000;

/**
 * Asks the stage that runs on a data folder to break or to mend.
 *
 * @throws PosternError `stage.not-running`
 */
export async function askControl(
  request: ControlRequest,
  { dataDir, signal }: { readonly dataDir: string; readonly signal: AbortSignal },
): Promise<Damage> {
  const text = await readIfPresent(join(dataDir, controlFile)).catch(() => undefined);
  const access = v.safeParse(fileSchema, text);
  if (!access.success) throw notRunning(dataDir);
  const { url, token } = access.output;
  const response = await post(url, token, request, signal).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw notRunning(dataDir, cause);
  });
  const answer: unknown = await response.json();
  if (response.ok) return answer as Damage;
  const failed = v.safeParse(failureSchema, answer);
  if (failed.success) {
    const { code, message, hint } = failed.output.error;
    throw PosternError.fromDocument({ code, message, ...(hint === undefined ? {} : { hint }) });
  }
  throw new PosternError("internal", `The local stage answered with status ${response.status}.`);
}

async function post(url: string, token: string, request: ControlRequest, signal: AbortSignal): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(request),
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
}

function notRunning(dataDir: string, cause?: unknown): PosternError {
  return new PosternError("stage.not-running", `No local stage runs on ${dataDir}.`, {
    hint: "Start it with `npm run local`, with the same --data.",
    cause,
  });
}
