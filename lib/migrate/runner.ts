import { join } from "node:path";
import type { Client } from "pg";
import type { BundleInfo, RoleKey } from "#lib/contract.ts";
import type { MigrateResult, RehearsalResult, RunnerEvent, SeedResult, SetupResult } from "#lib/protocol.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { Connection, ConnectOptions } from "#lib/postgres/connect.ts";
import { baseline } from "./baseline.ts";
import { beginRun, endRun, ensureLedger, type RunIdentity, type RunOutcome } from "./ledger/ledger.ts";
import { migrate } from "./migrate.ts";
import { connectForRun } from "./run/run-connections.ts";
import { rehearse } from "./rehearse/rehearse.ts";
import { type BucketPlace, parseBucketPlace } from "./seed/source/from.ts";
import { recordedSeed } from "./seed/recorded-seed.ts";
import type { SeedSource } from "./seed/source/sets.ts";
import { setupRoles } from "./roles/setup.ts";
import { type RotateResult, rotateRole, type SecretVersions } from "./roles/rotate.ts";
import { readMigrations } from "./folder/source.ts";
import type { PushResult } from "./push/result.ts";

/** What the runner needs of the place it runs in. */
export interface RunnerPorts {
  readonly connectAs: (role: "master" | "migrator", options: ConnectOptions) => Promise<Connection>;
  /** The database's address; its user is the master. */
  readonly masterAddress: () => Promise<DatabaseAddress>;
  /** Passwords of the roles that have a secret, as they are now; a service role's first one is made. For setup, under its lock. */
  readonly readPasswords: () => Promise<Partial<Record<RoleKey, string>>>;
  readonly secretVersions: (role: RoleKey) => Promise<SecretVersions>;
  readonly migrationsDir: string;
  readonly seedsDir: string;
  /** `schema.mjs`, `renames.json` where there is one, and drizzle-kit as `worker.mjs`. */
  readonly pushDir: string;
  /** Seed sets in a bucket. */
  readonly openBucket: (place: BucketPlace, signal: AbortSignal) => Promise<SeedSource & Disposable>;
  readonly bundle: BundleInfo;
  /** For messages. */
  readonly stage: string;
  /** Data is lost only with approval. */
  readonly isProtected: boolean;
  /** Aborted shortly before the time of the place is over. */
  readonly signal: AbortSignal;
  /** Milliseconds until then; infinite in a place without an end. */
  readonly remainingMs: () => number;
}

export type RunnerResult = MigrateResult | PushResult | RehearsalResult | SeedResult | SetupResult | RotateResult;

/** Does what the event asks for: `migrate`, `baseline`, `rehearse`, `push` and `seed` once per run id, `setup` and `rotate` by being idempotent. */
export async function handleRunnerEvent(event: RunnerEvent, ports: RunnerPorts): Promise<RunnerResult> {
  switch (event.action) {
    case "migrate":
      return await runMigrate(event, ports);
    case "baseline":
      return await runBaseline(event, ports);
    case "rehearse":
      return await runRehearse(event, ports);
    case "seed":
      return await runSeed(event, ports);
    case "push":
      return await runPush(event, ports);
    case "setup":
      return await runSetup(ports);
    case "rotate":
      return await runRotate(event, ports);
    default:
      throw new PosternError("internal", `Unknown action ${JSON.stringify(event satisfies never)}.`);
  }
}

type EventOf<Action extends RunnerEvent["action"]> = Extract<RunnerEvent, { action: Action }>;

async function runMigrate(event: EventOf<"migrate">, ports: RunnerPorts): Promise<MigrateResult> {
  const { bundle, signal, remainingMs, migrationsDir, isProtected } = ports;
  const { runId, requestedBy, approve, allow, stealLock, lockWaitMs, lockTimeoutMs } = event;
  await using connections = await openRun(event, ports);
  const identity = { runId, action: "migrate", requestedBy, bundle, allow };
  return await withRecordedEnd(connections.client, identity, async () => {
    refuseOtherMigrations(event, bundle);
    const folder = await readMigrations(migrationsDir);
    const run = { runId, requestedBy, bundle, signal, remainingMs };
    const locks = { stealLock, lockWaitMs, lockTimeoutMs };
    return await migrate(connections, { ...run, ...locks, folder, isProtected, approve, allow });
  });
}

async function runBaseline(event: EventOf<"baseline">, ports: RunnerPorts): Promise<MigrateResult> {
  const { bundle, signal, migrationsDir } = ports;
  const { runId, requestedBy, tag, allow, lockWaitMs, stealLock } = event;
  await using connections = await openRun(event, ports);
  const identity = { runId, action: "baseline", requestedBy, bundle, allow };
  return await withRecordedEnd(connections.client, identity, async () => {
    refuseOtherMigrations(event, bundle);
    const folder = await readMigrations(migrationsDir);
    const locks = { lockWaitMs, stealLock };
    return await baseline(connections, { folder, tag, runId, requestedBy, bundle, allow, signal, ...locks });
  });
}

async function runRehearse(event: EventOf<"rehearse">, ports: RunnerPorts): Promise<RehearsalResult> {
  const { bundle, signal, migrationsDir } = ports;
  const { runId, requestedBy, allow } = event;
  await using connections = await openRun(event, ports);
  const identity = { runId, action: "rehearse", requestedBy, bundle, allow };
  return await withRecordedEnd(connections.client, identity, async () => {
    refuseOtherMigrations(event, bundle);
    const folder = await readMigrations(migrationsDir);
    return await rehearse(connections, { folder, runId, requestedBy, bundle, allow, signal });
  });
}

function refuseOtherMigrations(
  { migrationsHash: asked }: { readonly migrationsHash?: string },
  bundle: BundleInfo,
): void {
  if (asked === undefined || asked === bundle.migrationsHash) return;
  throw new PosternError("bundle.stale", "The deployed migrations differ from those that were asked for.");
}

async function runSeed(event: EventOf<"seed">, ports: RunnerPorts): Promise<SeedResult> {
  const { seedsDir, bundle, signal, remainingMs } = ports;
  const { runId, requestedBy, set, from } = event;
  await using connections = await openRun(event, ports);
  return await withRecordedEnd(connections.client, { runId, action: "seed", requestedBy, bundle }, async () => {
    using source = from === undefined ? undefined : await ports.openBucket(parseBucketPlace(from), signal);
    const where = source === undefined ? {} : { source };
    const run = { runId, requestedBy, bundle, signal, remainingMs };
    return await recordedSeed(connections, { ...run, set, seedsDir, ...where });
  });
}

/** What pushing takes is loaded here: few runs push, and it is more than all the rest. */
async function runPush(event: EventOf<"push">, ports: RunnerPorts): Promise<PushResult> {
  const { pushDir, bundle, signal, remainingMs, isProtected } = ports;
  const { runId, requestedBy, acceptDataLoss, dryRun, lockTimeoutMs } = event;
  await using connections = await openRun(event, ports);
  return await withRecordedEnd(connections.client, { runId, action: "push", requestedBy, bundle }, async () => {
    refuseOtherSchema(event, bundle);
    const { push } = await import("./push/push.ts");
    const { openKit } = await import("./push/kit/kit.ts");
    const { readRenames } = await import("./push/renames.ts");
    const renames = await readRenames(join(pushDir, "renames.json"));
    await using kit = openKit({ dir: pushDir, signal });
    const request = { runId, requestedBy, acceptDataLoss, dryRun, lockTimeoutMs };
    return await push(connections, { ...request, kit, renames, bundle, isProtected, signal, remainingMs });
  });
}

function refuseOtherSchema({ schemaHash: asked }: EventOf<"push">, { schemaHash }: BundleInfo): void {
  if (schemaHash === undefined) {
    throw new PosternError("push.invalid-schema", "The functions were built without a schema file.", {
      hint: "Put schema.ts into the migrations folder, and deploy.",
    });
  }
  if (asked === undefined || asked === schemaHash) return;
  throw new PosternError("bundle.stale", "The deployed schema file differs from the one that was asked for.");
}

/**
 * Whoever queued the event learns from the ledger alone how it ended. A refusal, and a failure before anything is changed,
 * end before the run is recorded: they are recorded here.
 */
async function withRecordedEnd<Result extends MigrateResult | PushResult | RehearsalResult | SeedResult>(
  client: Client,
  run: RunIdentity,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    const result = await work();
    if ("status" in result && result.status === "refused") {
      await recordEnd(client, run, { outcome: result.status, result, error: result.error });
    }
    return result;
  } catch (error) {
    const failure = toPosternError(error);
    await recordEnd(client, run, { outcome: "failed", error: failure.toDocument() }).catch(() => undefined);
    throw failure;
  }
}

/** Does nothing for a run that the ledger has: its end is its own. */
async function recordEnd(client: Client, run: RunIdentity, end: RunOutcome): Promise<void> {
  await ensureLedger(client);
  if ((await beginRun(client, run)) === undefined) await endRun(client, run.runId, end);
}

async function runSetup(ports: RunnerPorts): Promise<SetupResult> {
  const { readPasswords, signal } = ports;
  const { database: databaseName } = await ports.masterAddress();
  await using connection = await connectAsMaster("setup", ports);
  return await setupRoles(connection.client, { databaseName, readPasswords, signal });
}

async function runRotate({ role }: EventOf<"rotate">, ports: RunnerPorts): Promise<RotateResult> {
  const { signal } = ports;
  const secret = await ports.secretVersions(role);
  const address = await ports.masterAddress();
  await using connection = await connectAsMaster("rotate", ports);
  return await rotateRole(connection.client, { role, secret, address, signal });
}

async function connectAsMaster(action: string, { connectAs, signal }: RunnerPorts): Promise<Connection> {
  return await connectAs("master", { applicationName: `postern ${action}`, signal });
}

async function openRun({ runId }: RunnerEvent, { connectAs, signal }: RunnerPorts) {
  return await connectForRun(runId, async (options) => connectAs("migrator", options), signal);
}
