import { createHash } from "node:crypto";
import type { Client } from "pg";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { DeployEvent } from "#lib/contract.ts";
import type { DeployResult, MigrateResult, SeedResult, SetupResult } from "#lib/protocol.ts";
import { unfinished } from "./deploy/failure.ts";
import { runOnce } from "./deploy/run-once.ts";
import { readMigrations } from "./folder/source.ts";
import { deployRunPrefix } from "./ledger/ledger.ts";
import { planMigrations } from "./plan/plan.ts";
import { handleRunnerEvent, type RunnerPorts } from "./runner.ts";
import { readStatus } from "./status.ts";

export type DeployHooks = {
  /** What setup found that is not as it should be. */
  readonly onFinding: (finding: SetupResult["findings"][number]) => void;
};

/**
 * What a deploy does to the database, while it waits.
 *
 * 1. Refuse when this is not the bundle that the deploy means: nothing is changed.
 * 2. Setup: roles, first passwords, privileges. May be repeated, and is at every deploy that comes here.
 * 3. Where asked: the migrations, once (see `runOnce`), under a run id made of their hash.
 * 4. Where asked: the seed set, once, under a run id made of its name and the hashes of migrations and seeds.
 *
 * Unchanged, a deploy does setup and nothing else, and its result is the same. After a failure the steps before the failed one are
 * done, and within a step what its own run keeps; deploying again goes on.
 *
 * @throws PosternError for everything but `applied` and `up-to-date`: `bundle.stale`, `plan.unapproved` with the plan's hash,
 *   `deploy.unfinished`, and those of setup, migrate and seed
 */
export async function handleDeployEvent(
  event: DeployEvent,
  ports: RunnerPorts,
  { onFinding }: DeployHooks,
): Promise<DeployResult> {
  refuseOtherBundle(event, ports);
  const { requestedBy, migrate, seed } = event;
  return await inTime(ports, async () => {
    const request = { action: "setup", runId: "deploy-setup", requestedBy } as const;
    const setup = (await handleRunnerEvent(request, ports)) as SetupResult;
    for (const finding of setup.findings) onFinding(finding);
    return {
      roles: Object.fromEntries(setup.roles.map(({ role, login }) => [role, login])),
      ...(migrate === true ? { migrate: await deployMigrations(event, ports) } : {}),
      ...(seed === undefined ? {} : { seed: await deploySeed(event, seed, ports) }),
    };
  });
}

function refuseOtherBundle({ migrationsHash, seedsHash }: DeployEvent, { bundle }: RunnerPorts): void {
  for (const [what, asked, own] of [
    ["migrations", migrationsHash, bundle.migrationsHash] as const,
    ["seeds", seedsHash, bundle.seedsHash] as const,
  ]) {
    if (asked === undefined || asked === own) continue;
    const seen = own === undefined ? "has none" : `has ${own.slice(0, 12)}…`;
    throw new PosternError(
      "bundle.stale",
      `The deploy means the ${what} ${asked.slice(0, 12)}…, and the runner's bundle ${seen}.`,
      { hint: "The function was not updated before it was invoked: deploy again." },
    );
  }
}

async function deployMigrations(event: DeployEvent, ports: RunnerPorts): Promise<NonNullable<DeployResult["migrate"]>> {
  const { requestedBy, allow = [] } = event;
  const { migrationsHash } = ports.bundle;
  const folder = await readMigrations(ports.migrationsDir);
  const request = { action: "migrate", requestedBy, migrationsHash, ...(allow.length === 0 ? {} : { allow }) } as const;
  const { runId, result } = await runOnce({
    runId: deployRunId("migrate", migrationsHash),
    look: async (work) => look(ports, work),
    // The database may have gone on since, or back: a deploy of older code after a newer one.
    stillHolds: async (client) => {
      const { pending, findings } = await readStatus(client, folder);
      return pending.length === 0 && findings.every(({ code }) => allow.some((one) => one === code));
    },
    run: async (id) =>
      assertApplied((await handleRunnerEvent({ ...request, runId: id }, ports)) as MigrateResult, ports),
  });
  const { status, applied } = result;
  if (status !== "applied" && status !== "up-to-date")
    throw new PosternError("internal", `The run ${runId} is ${status}.`);
  return { runId, status, applied };
}

/** @throws PosternError for every result that leaves something to do */
async function assertApplied(result: MigrateResult, ports: RunnerPorts): Promise<MigrateResult> {
  const { status, applied, pending, error, runId } = result;
  switch (status) {
    case "applied":
    case "up-to-date":
      return result;
    case "partial":
      if (error !== undefined) throw PosternError.fromDocument(error);
      throw unfinished(
        `The time of the function was over with ${applied.length} migrations applied and ${pending.length} pending (run ${runId}).`,
        ports.stage,
      );
    case "refused":
    case "failed": {
      const failure = PosternError.fromDocument(
        error ?? { code: "internal", message: `The run ${runId} gave no reason.` },
      );
      if (failure.code === "plan.unapproved") throw await withPlanHash(failure, ports);
      const whole = `\`postern migrate --stage ${ports.stage} --run-id ${runId}\` tells all of it.`;
      throw withRun(failure, whole);
    }
    default:
      return status satisfies never;
  }
}

/** Whoever deploys is told less than a person at a terminal. */
function withRun({ code, message, hint, sqlState }: PosternError, whole: string): PosternError {
  return new PosternError(code, message, { hint: hint === undefined ? whole : `${hint} ${whole}`, sqlState });
}

/** A deploy cannot be asked for approval: it is given on the command line, and the next deploy finds the work done. */
async function withPlanHash({ code, message }: PosternError, ports: RunnerPorts): Promise<PosternError> {
  const { stage, migrationsDir } = ports;
  const folder = await readMigrations(migrationsDir);
  const { planHash } = await look(ports, async (client) => planMigrations(client, folder));
  return new PosternError(code, message, {
    hint: `Nothing was changed. Read the plan: \`postern plan --stage ${stage}\`; approve it: \`postern migrate --stage ${stage} --approve ${planHash}\`; then deploy again.`,
  });
}

async function deploySeed(
  { requestedBy }: DeployEvent,
  set: string,
  ports: RunnerPorts,
): Promise<NonNullable<DeployResult["seed"]>> {
  const { migrationsHash, seedsHash = "" } = ports.bundle;
  const { runId } = await runOnce({
    runId: deployRunId("seed", migrationsHash, seedsHash, set),
    look: async (work) => look(ports, work),
    run: async (id) => {
      try {
        return (await handleRunnerEvent({ action: "seed", requestedBy, set, runId: id }, ports)) as SeedResult;
      } catch (error) {
        throw withSeedRun(toPosternError(error), set, id);
      }
    },
  });
  return { runId, set };
}

function withSeedRun(failure: PosternError, set: string, runId: string): PosternError {
  const whole = `Seed set ${set}, run ${runId}: \`select error from postern.runs where run_id = '${runId}'\` tells all of it.`;
  return withRun(failure, whole);
}

/** Within the 48 characters of a run id, with room for `-999` behind it. */
function deployRunId(action: string, ...parts: readonly string[]): string {
  return `${deployRunPrefix}${action}-${createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 24)}`;
}

async function look<Seen>({ connectAs, signal }: RunnerPorts, work: (client: Client) => Promise<Seen>): Promise<Seen> {
  await using connection = await connectAs("migrator", { applicationName: "postern deploy", signal });
  return await work(connection.client);
}

/** Attached to the run of another, one is stopped by one's own time; so is one that waits for a lock. */
async function inTime<Result>({ signal, stage }: RunnerPorts, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!signal.aborted || !(error instanceof PosternError) || error.code !== "aborted") throw error;
    throw unfinished("The time of the function was over before all was done.", stage, error);
  }
}
