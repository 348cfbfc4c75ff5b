import { randomUUID } from "node:crypto";
import { PosternError } from "#lib/base/errors.ts";
import type { Manifest } from "#lib/contract.ts";
import type { HealthReport, MigrateResult, RunnerEvent, SeedResult, SetupResult } from "#lib/protocol.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { invokeFunction } from "#lib/stage/invoke.ts";
import { fetchManifest } from "#lib/stage/manifest.ts";
import { replies } from "#lib/stage/replies.ts";

/** A stage from outside, through AWS's API alone: what the command line does with `--stage`, waiting for each answer. */
export type StageWork = {
  setup(): Promise<SetupResult>;
  migrate(): Promise<MigrateResult>;
  seed(set: string): Promise<SeedResult>;
  health(): Promise<HealthReport>;
};

type WorkOptions = {
  readonly stage: string;
  readonly access: AwsAccess;
  readonly requestedBy: string;
  readonly signal: AbortSignal;
};

/** Long enough for the demo data on a slow machine; the runner itself is given 15 minutes. */
const timeoutMs = 600_000;

/** Reads the stage's manifest, as everyone who acts on a stage does first. */
export async function openStageWork(options: WorkOptions): Promise<StageWork & { readonly manifest: Manifest }> {
  const { stage, access, requestedBy, signal } = options;
  const manifest = await fetchManifest({ stage, access, signal });
  const run = async (request: Requested) => {
    const event = { ...request, runId: randomUUID(), requestedBy };
    return invokeFunction({ access, functionName: manifest.functions.runner, event, timeoutMs, signal });
  };
  return {
    manifest,
    setup: async () => replies.setup(await run({ action: "setup" })),
    migrate: async () => {
      const result = replies.migrate(await run({ action: "migrate" }));
      if (result.error !== undefined) throw PosternError.fromDocument(result.error);
      if (result.status === "applied" || result.status === "up-to-date") return result;
      throw new PosternError("migrate.failed", `Migrating ended with ${result.status}.`);
    },
    seed: async (set) => replies.seed(await run({ action: "seed", set })),
    health: async () => {
      const report = replies.health(
        await invokeFunction({ access, functionName: manifest.functions.health, event: {}, signal }),
      );
      if (report.status === "ok") return report;
      const code = report.database.reason ?? "internal";
      throw PosternError.fromDocument({ code, message: `The stage's health is ${report.status}.` });
    },
  };
}

type Requested =
  | Pick<Extract<RunnerEvent, { action: "setup" }>, "action">
  | Pick<Extract<RunnerEvent, { action: "migrate" }>, "action">
  | Pick<Extract<RunnerEvent, { action: "seed" }>, "action" | "set">;
