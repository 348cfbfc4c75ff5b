import { ExponentialBackoff, type IBackoff } from "cockatiel";
import { elapsedMs } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { Blocker } from "#lib/protocol.ts";
import { sqlStateOf } from "#lib/postgres/errors.ts";
import { describeBlockers } from "../run/blockers.ts";
import type { RunContext } from "../run/recorded-run.ts";
import type { ApplyContext, ApplyEvent } from "./context.ts";

/** 55P03 lock_not_available; 40P01 deadlock_detected: the server has ended one of those who wait in a circle. */
const lockStates: ReadonlySet<string> = new Set(["55P03", "40P01"]);

/** Whether what failed did not get a lock in time, or was chosen to end a deadlock: it may work at the next try. */
export function isLockFailure(error: unknown): boolean {
  return lockStates.has(sqlStateOf(error) ?? "");
}

/** How often to look who blocks, so that one who blocks for as long as a statement queues is seen. */
export function lookEveryMsFor(lockTimeoutMs: number): number {
  return Math.min(250, Math.max(50, Math.ceil(lockTimeoutMs / 3)));
}

/** It did not get its lock, and might at another try, for which no time is left. */
export class LockOutOfTimeError extends PosternError {
  /** Who blocked it when somebody last saw. */
  readonly blockers: readonly Blocker[];

  constructor({ code, message, hint, sqlState, cause }: PosternError, blockers: readonly Blocker[]) {
    super(code, message, { hint, sqlState, cause });
    this.blockers = blockers;
  }
}

/** What trying again takes of a run. */
export type LockRetryContext = Pick<ApplyContext, "limits"> & {
  readonly run: Pick<RunContext, "clock" | "monitor" | "report" | "signal">;
  /** Which of how many migrations, for those who watch. */
  readonly place?: ApplyContext["place"];
  readonly onEvent: (event: BlockedEvent) => void;
};

export type BlockedEvent = Extract<ApplyEvent, { step: "blocked" }>;

const backoffMs = Object.freeze({ first: 200, longest: 8000 });

/**
 * Does something that may not get its locks, again and again, with pauses (exponential, with jitter) in which the
 * application works. A statement that queues for an ACCESS EXCLUSIVE lock stops every later reader of the table; so it
 * queues briefly, and often.
 *
 * @param attempt leaves nothing behind when it fails
 * @throws PosternError `code` naming who blocked, which is a `LockOutOfTimeError` where only the time did not suffice; whatever else
 *   `attempt` throws
 */
export async function withLockRetries<Result>(
  context: LockRetryContext,
  what: {
    readonly tag: string;
    /** Default `migrate.blocked`. */
    readonly code?: "migrate.blocked" | "push.blocked";
    readonly describe: (error: unknown) => string;
    /** Asked after a failure. */
    readonly isRepeatable: () => boolean;
    /** What was kept, where something was. */
    readonly hint?: string;
  },
  attempt: () => Promise<Result>,
): Promise<Result> {
  const { run, limits, place, onEvent } = context;
  const startMs = run.clock.nowMs();
  let backoff: IBackoff<unknown> = new ExponentialBackoff({
    initialDelay: backoffMs.first,
    maxDelay: backoffMs.longest,
  }).next();
  let seen: readonly Blocker[] = [];
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isLockFailure(error)) throw error;
      const { blockers } = run.monitor;
      if (blockers.length > 0) seen = blockers;
      backoff = backoff.next(undefined);
      const hasTime = limits.remainingMs() > backoff.duration + limits.lockTimeoutMs;
      const mayTryAgain = what.isRepeatable() && attempts < limits.lockAttempts;
      if (!mayTryAgain || !hasTime) {
        const waitedMs = elapsedMs(run.clock, startMs);
        const blocked = blockedError(error, what, { attempts, waitedMs, seen });
        throw mayTryAgain ? new LockOutOfTimeError(blocked, seen) : blocked;
      }
      const retryMs = Math.round(backoff.duration);
      onEvent({ step: "blocked", tag: what.tag, attempt: attempts, blockers: seen, retryMs });
      run.report({ what: what.tag, ...(place === undefined ? {} : { migration: place }), blockedBy: seen });
      await run.clock.sleep(backoff.duration, run.signal);
    }
  }
}

function blockedError(
  error: unknown,
  what: Parameters<typeof withLockRetries>[1],
  tries: { readonly attempts: number; readonly waitedMs: number; readonly seen: readonly Blocker[] },
): PosternError {
  const { tag, describe, code = "migrate.blocked", hint } = what;
  const often =
    tries.attempts === 1 ? "in one try" : `in ${tries.attempts} tries over ${Math.round(tries.waitedMs / 1000)} s`;
  const by = tries.seen.length === 0 ? "Nobody was seen to block it" : `Blocked by ${describeBlockers(tries.seen)}`;
  return new PosternError(code, `${tag}, ${describe(error)}: it did not get its lock ${often}. ${by}.`, {
    cause: error,
    hint,
    sqlState: sqlStateOf(error),
  });
}
