import { ExponentialBackoff, type IBackoff } from "cockatiel";
import { elapsedMs } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { Blocker } from "#lib/protocol.ts";
import { sqlStateOf } from "#lib/postgres/errors.ts";
import { describeBlockers } from "../run/blockers.ts";
import type { ApplyContext } from "./context.ts";

/** 55P03 lock_not_available; 40P01 deadlock_detected: the server has ended one of those who wait in a circle. */
const lockStates: ReadonlySet<string> = new Set(["55P03", "40P01"]);

const backoffMs = Object.freeze({ first: 200, longest: 8000 });

/**
 * Does something that may not get its locks, again and again, with pauses (exponential, with jitter) in which the
 * application works. A statement that queues for an ACCESS EXCLUSIVE lock stops every later reader of the table; so it
 * queues briefly, and often.
 *
 * @param attempt leaves nothing behind when it fails
 * @throws PosternError `migrate.blocked` naming who blocked; whatever else `attempt` throws
 */
export async function withLockRetries(
  context: ApplyContext,
  what: {
    readonly tag: string;
    readonly describe: (error: unknown) => string;
    /** Asked after a failure. */
    readonly isRepeatable: () => boolean;
    /** What was kept, where something was. */
    readonly hint?: string;
  },
  attempt: () => Promise<void>,
): Promise<void> {
  const { run, limits, onEvent } = context;
  const startMs = run.clock.nowMs();
  let backoff: IBackoff<unknown> = new ExponentialBackoff({
    initialDelay: backoffMs.first,
    maxDelay: backoffMs.longest,
  }).next();
  let seen: readonly Blocker[] = [];
  for (let attempts = 1; ; attempts += 1) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (!lockStates.has(sqlStateOf(error) ?? "")) throw error;
      const { blockers } = run.monitor;
      if (blockers.length > 0) seen = blockers;
      backoff = backoff.next(undefined);
      const hasTime = limits.remainingMs() > backoff.duration + limits.lockTimeoutMs;
      if (!what.isRepeatable() || attempts >= limits.lockAttempts || !hasTime) {
        const waitedMs = elapsedMs(run.clock, startMs);
        const tries = { attempts, waitedMs, seen };
        throw blockedError(error, `${what.tag}, ${what.describe(error)}`, tries, what.hint);
      }
      const retryMs = Math.round(backoff.duration);
      onEvent({ step: "blocked", tag: what.tag, attempt: attempts, blockers: seen, retryMs });
      run.report({ what: what.tag, migration: context.place, blockedBy: seen });
      await run.clock.sleep(backoff.duration, run.signal);
    }
  }
}

function blockedError(
  error: unknown,
  where: string,
  tries: { readonly attempts: number; readonly waitedMs: number; readonly seen: readonly Blocker[] },
  hint: string | undefined,
): PosternError {
  const often =
    tries.attempts === 1 ? "in one try" : `in ${tries.attempts} tries over ${Math.round(tries.waitedMs / 1000)} s`;
  const by = tries.seen.length === 0 ? "Nobody was seen to block it" : `Blocked by ${describeBlockers(tries.seen)}`;
  return new PosternError("migrate.blocked", `${where}: it did not get its lock ${often}. ${by}.`, {
    cause: error,
    hint,
    sqlState: sqlStateOf(error),
  });
}
