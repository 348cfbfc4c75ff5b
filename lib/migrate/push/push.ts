import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { lookAfterwards } from "../after-run/look-afterwards.ts";
import { type BlockedEvent, lookEveryMsFor, withLockRetries } from "../apply/lock-retry.ts";
import type { RunIdentity } from "../ledger/ledger.ts";
import type { LockHolder } from "../run/lock.ts";
import { recordRun, type RecordedRunOptions } from "../run/recorded-run.ts";
import type { RunConnections } from "../run/run-connections.ts";
import { compareAndExecute } from "./compare.ts";
import { type PushJob, type PushLimits, whyEnded } from "./job.ts";
import type { Kit } from "./kit/kit.ts";
import type { Outcome } from "./outcome.ts";
import { refuseOwnSchemas } from "./refusals.ts";
import type { Rename } from "./renames.ts";
import type { PushResult } from "./result.ts";
import { inTransaction } from "./transaction.ts";

export type PushOptions = {
  /** With the schema file loaded. Stays the caller's. */
  readonly kit: Kit;
  readonly renames: readonly Rename[];
  readonly runId: string;
  readonly requestedBy: string;
  readonly bundle?: RunIdentity["bundle"];
  /** Then nothing is pushed, whatever the other options say. Default false. */
  readonly isProtected?: boolean;
  /** Danger: what loses data runs too. Default false. */
  readonly acceptDataLoss?: boolean | undefined;
  /** Plan, and roll back. Default false. */
  readonly dryRun?: boolean | undefined;
  /** How long to wait for another run to end. Default 60 000. */
  readonly lockWaitMs?: number | undefined;
  /** How long a statement may queue for a lock, and others behind it. Default 1000. */
  readonly lockTimeoutMs?: number | undefined;
  /** How often it is begun when it does not get its locks. Default 15, within two minutes. */
  readonly lockAttempts?: number | undefined;
  /** How long a statement may work under its locks. Default 120 000. */
  readonly statementTimeoutMs?: number | undefined;
  /** Milliseconds until the place it runs in ends it. Default: no end. */
  readonly remainingMs?: (() => number) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: ((holder: LockHolder | undefined) => void) | undefined;
  readonly onUnwatched?: RecordedRunOptions["onUnwatched"];
  /** It did not get a lock, was rolled back, and will be tried again. */
  readonly onBlocked?: ((event: BlockedEvent) => void) | undefined;
  readonly clock?: Clock;
};

const defaults = Object.freeze({ lockTimeoutMs: 1000, lockAttempts: 15, statementTimeoutMs: 120_000 });

/**
 * Makes the database what the schema file says, without migrations: for stages where data may be lost.
 *
 * 1. Refuse a protected database; ask the thread that has drizzle-kit what the schema file says.
 * 2. Record the run and take the run lock (see `recordRun`).
 * 3. Begin one transaction, in which everything below happens, under short time limits. When a lock is not to be had in time,
 *    roll back, and begin anew after a pause (see `withLockRetries`).
 * 4. Apply the renames that were declared and not yet done; refuse what may be a rename and was not declared.
 * 5. Have drizzle-kit compare file and database, of which it sees what the file knows: nothing else is ever dropped. Say of
 *    what it does not compare whether it differs (see `findUncompared`).
 * 6. Judge its statements. What cannot run in a transaction is refused; so is what loses data, unless that was accepted, and
 *    what would empty tables that the file does not have.
 * 7. Execute them, ask drizzle-kit again, and commit, the outcome in the ledger with it. Where the schema's fingerprint is as it was before, and shows all that
 *    the statements could have done, roll back instead: then drizzle-kit had only repeated itself.
 *
 * After a refusal, a failure, a dry run, a deadline or an abort the database is as it was, but for the ledger's row. A refusal,
 * a statement that the server refuses or blocks, and the end of the runner's time are results; being cancelled, and not getting as
 * far (no connection, no privilege, lock held), is thrown. A connection that is lost while it commits is found out about (see
 * `commit`); where that cannot be done, the error says so, and pushing again is safe.
 */
export async function push(connections: RunConnections, options: PushOptions): Promise<PushResult> {
  const { runId, requestedBy, bundle, lockWaitMs, signal, onWait, onUnwatched, isProtected = false } = options;
  if (isProtected) {
    throw new PosternError("push.protected", "The database is protected: a schema is not pushed to it.");
  }
  const clock = options.clock ?? systemClock;
  const startMs = clock.nowMs();
  const schema = await options.kit.describe();
  refuseOwnSchemas(schema);
  const { client } = connections;
  const limits = limitsOf(options);
  const lookEveryMs = lookEveryMsFor(limits.lockTimeoutMs);
  const life = { clock, signal, onWait, onUnwatched };
  const run = { runId, action: "push", requestedBy, bundle, lockWaitMs, lookEveryMs, ...life };
  const toResult = (outcome: Outcome) => ({ ...nothingDone, ...outcome, runId, ms: elapsedMs(clock, startMs) });
  return await recordRun(connections, run, async (context) => {
    const { kit, renames, acceptDataLoss = false, dryRun = false } = options;
    const asked = { client, context, schema, kit, renames, acceptDataLoss, dryRun, limits };
    const job = { ...asked, toResult, found: {}, isInDoubt: false };
    const outcome = await pushWithRetries(job, options.onBlocked);
    const after = outcome.status === "pushed" ? await lookAfterwards(client) : undefined;
    const result = toResult(after === undefined ? outcome : { ...outcome, after });
    return { outcome: result.status, result, error: result.error };
  });
}

const nothingDone = { statements: [], reemitted: [], unmanaged: [], findings: [] } as const;

function limitsOf(options: PushOptions): PushLimits {
  return {
    lockTimeoutMs: options.lockTimeoutMs ?? defaults.lockTimeoutMs,
    lockAttempts: options.lockAttempts ?? defaults.lockAttempts,
    statementTimeoutMs: options.statementTimeoutMs ?? defaults.statementTimeoutMs,
    remainingMs: options.remainingMs ?? (() => Number.POSITIVE_INFINITY),
  };
}

async function pushWithRetries(job: PushJob, onBlocked: PushOptions["onBlocked"]): Promise<Outcome> {
  const { context: run, limits } = job;
  const retries = { run, limits, onEvent: (event: BlockedEvent) => onBlocked?.(event) };
  const what = { tag: "push", code: "push.blocked", describe: describePlace, isRepeatable: () => true } as const;
  try {
    return await withLockRetries(retries, what, async () => {
      job.found = {};
      return await inTransaction(job, async () => await compareAndExecute(job));
    });
  } catch (error) {
    const ended = whyEnded(job, error) ?? error;
    if (!(ended instanceof PosternError) || (ended.code !== "push.blocked" && ended.code !== "push.deadline"))
      throw ended;
    return { ...job.found, status: "failed", reemitted: [], error: ended.toDocument() };
  }
}

/** `executeStatements` says which statement it was. */
function describePlace(error: unknown): string {
  const isStatement = error instanceof PosternError && error.code === "push.blocked";
  return isStatement ? error.message : "while comparing or committing";
}
