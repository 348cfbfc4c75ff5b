import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BundleInfo } from "#lib/contract.ts";
import type { RunnerPorts } from "#lib/migrate/runner.ts";
import { environmentAccess, hasOwnEndpoint } from "./aws-access.ts";
import { readFunctionEnvironment } from "./function-environment.ts";
import { createRoleAccess } from "./role-access.ts";
import { createSecretReader } from "./secrets.ts";

/** How long the place it runs in lets the runner work. */
export type RunnerTime = Pick<RunnerPorts, "signal" | "remainingMs">;

/** What the runner needs of a stage, for the function and for the long-run task alike: both run the same bundle. */
export async function openRunnerPorts(
  env: Readonly<Record<string, string | undefined>>,
  bundleDir: string,
  time: RunnerTime,
): Promise<RunnerPorts> {
  const environment = await readFunctionEnvironment(env, bundleDir);
  const bundle = JSON.parse(await readFile(join(bundleDir, "bundle.json"), "utf8")) as BundleInfo;
  return {
    ...createRoleAccess(environment, createSecretReader()),
    ...time,
    migrationsDir: join(bundleDir, "migrations"),
    seedsDir: join(bundleDir, "seeds"),
    pushDir: join(bundleDir, "push"),
    openBucket: async (place, signal) => {
      // Loaded here: no other run needs S3.
      const { openSeedBucket } = await import("./seed-bucket.ts");
      return openSeedBucket({ ...place, access: environmentAccess, isPathStyle: hasOwnEndpoint(env), signal });
    },
    bundle,
    stage: environment.stage,
    isProtected: environment.isProtected,
  };
}
