import { join } from "node:path";
import process from "node:process";
import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import { toPosternError } from "#lib/base/errors.ts";
import { createJsonLog } from "#lib/base/log.ts";
import type { ErrorReply, HealthReport } from "#lib/protocol.ts";
import { createHealthApp } from "#lib/health/app.ts";
import { checkHealth } from "#lib/health/check.ts";
import { answerHttpEvent, type HttpResult, isHttpEvent } from "#lib/health/function-url.ts";
import { pooledSource } from "#lib/health/pooled-source.ts";
import { shareCheck } from "#lib/health/shared-check.ts";
import { readMigrations } from "#lib/migrate/folder/source.ts";
import { createPool } from "#lib/postgres/pool.ts";
import { provideAddress, readFunctionEnvironment } from "#lib/stage/function-environment.ts";
import { createSecretReader } from "#lib/stage/secrets.ts";

const bundleDir = import.meta.dirname;
const log = createJsonLog((line) => process.stdout.write(`${line}\n`));
const directEvent = v.strictObject({ action: v.exactOptional(v.literal("health")) });

let opened: ReturnType<typeof open> | undefined;
const check = shareCheck(async (): Promise<HealthReport> => {
  const { environment, source, folder } = await (opened ??= open().catch(forget));
  const report = await checkHealth({ service: environment.app, stage: environment.stage, source, folder });
  // Codes only: messages name hosts and users.
  if (report.status !== "ok") log.warn("not healthy", { status: report.status, reason: report.database.reason });
  return report;
});
const app = createHealthApp(check);

/**
 * Over HTTP: the public answer of `lib/health/app.ts`. For a direct Invoke, which IAM guards: the whole report, for the
 * events `{}` and `{"action": "health"}`.
 */
export async function handler(event: unknown): Promise<HttpResult | HealthReport | ErrorReply> {
  if (isHttpEvent(event)) return await answerHttpEvent(event, app);
  try {
    parseInput(directEvent, event, { what: "The event of health", code: "event.invalid" });
    return await check();
  } catch (error) {
    return { error: toPosternError(error).toDocument() };
  }
}

/** Made once per process, at the first event; a broken deploy is an answer, not a crash at start-up. */
async function open() {
  const environment = await readFunctionEnvironment(process.env, bundleDir);
  const address = provideAddress(environment, "health", createSecretReader());
  const pool = createPool(address, { applicationName: `${environment.app} health`, connectTimeoutMs: 1500 });
  return { environment, source: pooledSource(pool), folder: await readMigrations(join(bundleDir, "migrations")) };
}

/** A failure is not kept: what was wrong may be put right while this process lives. */
function forget(error: unknown): never {
  opened = undefined;
  throw error;
}
