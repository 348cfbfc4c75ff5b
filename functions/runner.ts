import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { toPosternError } from "#lib/base/errors.ts";
import { createJsonLog } from "#lib/base/log.ts";
import type { BundleInfo, ErrorReply } from "#lib/contract.ts";
import { parseRunnerEvent } from "#lib/migrate/events.ts";
import { handleRunnerEvent, type RunnerPorts, type RunnerResult } from "#lib/migrate/runner.ts";
import { environmentAccess, hasOwnEndpoint } from "#lib/stage/aws-access.ts";
import { readFunctionEnvironment } from "#lib/stage/function-environment.ts";
import { createRoleAccess } from "#lib/stage/role-access.ts";
import { createSecretReader } from "#lib/stage/secrets.ts";

const bundleDir = import.meta.dirname;
const log = createJsonLog((line) => process.stdout.write(`${line}\n`));
/** Kept back to record a run's outcome before Lambda ends the process. */
const closingMs = 10_000;

/** What is used of Lambda's context object. */
type Context = { getRemainingTimeInMillis(): number };

/** Does one run; its outcome is in the ledger, and in the reply for whoever invoked it synchronously. */
export async function handler(event: unknown, context: Context): Promise<RunnerResult | ErrorReply> {
  try {
    const known = parseRunnerEvent(event);
    const { action, runId, requestedBy } = known;
    log.info("run begins", { action, runId, requestedBy });
    const result = await handleRunnerEvent(known, await openPorts(context));
    log.info("run ended", { action, runId });
    return result;
  } catch (error) {
    const document = toPosternError(error).toDocument();
    log.warn("run failed", { code: document.code, message: document.message });
    return { error: document };
  }
}

async function openPorts(context: Context): Promise<RunnerPorts> {
  const environment = await readFunctionEnvironment(process.env, bundleDir);
  const secrets = createSecretReader();
  const bundle = JSON.parse(await readFile(join(bundleDir, "bundle.json"), "utf8")) as BundleInfo;
  return {
    ...createRoleAccess(environment, secrets),
    migrationsDir: join(bundleDir, "migrations"),
    seedsDir: join(bundleDir, "seeds"),
    openBucket: async (place, signal) => {
      const { openSeedBucket } = await import("#lib/stage/seed-bucket.ts");
      return openSeedBucket({ ...place, access: environmentAccess, isPathStyle: hasOwnEndpoint(process.env), signal });
    },
    bundle,
    isProtected: environment.isProtected,
    signal: AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - closingMs)),
  };
}
