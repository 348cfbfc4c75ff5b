import type pg from "pg";
import { elapsedMs } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { MigrateResult } from "#lib/protocol.ts";
import { applyMigration } from "./apply.ts";
import type { ApplyEvent, ApplyLimits } from "./context.ts";
import { describeOutOfTime, wasMostlyWaiting } from "./out-of-time.ts";
import { isConnectionLost } from "./failure.ts";
import { LockOutOfTimeError } from "./lock-retry.ts";
import type { PreparedMigration } from "./prepare.ts";
import { type DrizzleLayout, insertAppliedSql } from "../history/drizzle-table.ts";
import type { LeaseHolder } from "../ledger/ledger.ts";
import { findApplied } from "./lost-connection.ts";
import type { RunContext } from "../run/recorded-run.ts";
import type { Migration } from "../folder/source.ts";

export type { ApplyLimits };

export type MigrateEvent = ApplyEvent | { readonly step: "applied"; readonly tag: string; readonly ms: number };

type Options = {
  /** Of drizzle's table, as it was read under the lock. */
  readonly layout: Pick<DrizzleLayout, "hasName">;
  readonly limits: ApplyLimits;
  /** What the limits had left when the run began, before it waited for others. */
  readonly wholeMs: number;
  readonly minStartMs: number;
  readonly onEvent: (event: MigrateEvent) => void;
  readonly onBegin?: ((begun: BegunMigration) => void) | undefined;
};

/** `isWhole`: all of it is kept or nothing, else statement by statement. */
export type BegunMigration = { readonly tag: string; readonly isWhole: boolean };

type Applied = {
  readonly status: Extract<MigrateResult["status"], "up-to-date" | "applied" | "partial" | "failed">;
  readonly applied: readonly string[];
  readonly error?: PosternError | undefined;
  /** Of a migration that was cut off: what took the time. */
  readonly cutOff?: string | undefined;
};

/** Left when the deadline cuts a statement: what was measured before it and the cancel itself take a moment. */
const deadlineSlackMs = 250;

/**
 * Applies migrations in order, and stops at the first that fails.
 *
 * `partial`: it stopped between migrations, because it was told to, was cancelled (then with an error), or has not the time
 * for another; running it again goes on. A migration that is cut off by the deadline after others were applied is tried again
 * by the next run with all of its time; so is one for which most of the time went into waiting. Cut off without any progress,
 * although it could work, it fails (`migrate.deadline`). One that has no time to try for its locks once more is as one cut off.
 *
 * A connection that is lost ends the run, after it was found out whether the migration was committed.
 */
export async function applyPending(
  client: pg.Client,
  run: RunContext,
  pending: readonly PreparedMigration[],
  { layout, limits, wholeMs, minStartMs, onEvent, onBegin }: Options,
): Promise<Applied> {
  const applied: string[] = [];
  const session = { isSet: false };
  const insertApplied = (migration: Migration) => insertAppliedSql(migration, layout);
  const forOtherRunMs = wholeMs - limits.remainingMs();
  let hasProgress = false;
  let pausesMs = 0;
  const notice = (event: MigrateEvent) => {
    if (event.step === "applied" || event.step === "statement-done") hasProgress = true;
    if (event.step === "blocked") pausesMs += event.retryMs;
    onEvent(event);
  };
  for (const [index, prepared] of pending.entries()) {
    if (run.signal.aborted) return stopped(applied, run.signal.reason);
    if (limits.remainingMs() < minStartMs) return { status: "partial", applied };
    const { tag } = prepared.migration;
    const place = { n: index + 1, of: pending.length };
    const startMs = run.clock.nowMs();
    const blockedBeforeMs = run.monitor.blockedMs;
    pausesMs = 0;
    run.report({ what: tag, migration: place });
    onBegin?.({ tag, isWhole: prepared.kind !== "steps" });
    try {
      const context = { client, run, limits, insertApplied, session, onEvent: notice, place };
      await applyMigration(context, prepared);
    } catch (error) {
      const failure = toPosternError(error);
      if (isConnectionLost(failure)) return await endLost(run, tag, { applied, isLast: place.n === place.of, failure });
      if (isStop(failure)) return stopped(applied, failure);
      const leftMs = Math.max(0, limits.remainingMs());
      const isCutOff = failure.sqlState === "57014" && leftMs <= deadlineSlackMs;
      const isOutOfTime = isCutOff || failure instanceof LockOutOfTimeError;
      if (!isOutOfTime) return { status: "failed", applied, error: failure };
      const { blockedMs } = run.monitor;
      const { blockers } = failure instanceof LockOutOfTimeError ? failure : run.monitor;
      const forLocksMs = pausesMs + blockedMs - blockedBeforeMs;
      const spent = { wholeMs, forOtherRunMs, forLocksMs, blockers, leftMs };
      const cutOff = describeOutOfTime(tag, spent);
      return hasProgress || wasMostlyWaiting(spent)
        ? { status: "partial", applied, cutOff }
        : { status: "failed", applied, error: outOfTime(prepared, cutOff, failure) };
    }
    applied.push(tag);
    notice({ step: "applied", tag, ms: elapsedMs(run.clock, startMs) });
  }
  return { status: applied.length === 0 ? "up-to-date" : "applied", applied };
}

function isStop({ code }: PosternError): boolean {
  return code === "aborted" || code === "run.cancelled" || code === "run.lease-lost";
}

function stopped(applied: readonly string[], reason: unknown): Applied {
  const error = toPosternError(reason);
  if (error.code === "run.lease-lost") return { status: "failed", applied, error };
  // Told to stop by the process's own signal: whoever sent it knows.
  return error.code === "run.cancelled" ? { status: "partial", applied, error } : { status: "partial", applied };
}

function outOfTime({ kind }: PreparedMigration, message: string, cause: PosternError): PosternError {
  const kept =
    "The statements before it were kept: run it with --long-run, or with --url from inside the network, and it goes on at this one.";
  return new PosternError("migrate.deadline", message, {
    cause,
    hint: kind === "steps" ? kept : undefined,
    sqlState: cause.sqlState,
  });
}

async function endLost(
  run: RunContext,
  tag: string,
  at: { readonly applied: readonly string[]; readonly isLast: boolean; readonly failure: PosternError },
): Promise<Applied> {
  const { isLast, failure } = at;
  const after = await findApplied(run);
  const found = after?.found;
  const applied = found === undefined ? at.applied : [...at.applied, tag].filter((one) => found.has(one));
  const lost = `The connection was lost while ${tag} was applied`;
  const { code, cause, sqlState } = failure;
  const describe = (message: string, hint: string) => new PosternError(code, message, { hint, cause, sqlState });
  if (found?.has(tag) === true && isLast) return { status: "applied", applied };
  if (after?.takenBy !== undefined) return { status: "failed", applied, error: leaseTaken(after.takenBy, failure) };
  if (found?.has(tag) === true) {
    const error = describe(`${lost}: it was committed.`, "Run migrate again: it goes on behind it.");
    return { status: "failed", applied, error };
  }
  const forgotten = at.applied.length - applied.length;
  const crash = forgotten === 0 ? "" : `, and the server, which crashed, has forgotten ${forgotten} before it`;
  const kept = found === undefined ? "whether it was committed could not be found out" : `it was not committed${crash}`;
  const hint =
    found === undefined ? "See `postern status`. Running migrate again is safe either way." : "Run migrate again.";
  return { status: "failed", applied, error: describe(`${lost}, and ${kept}. ${failure.message}`, hint) };
}

function leaseTaken({ runId, requestedBy }: LeaseHolder, cause: PosternError): PosternError {
  const message = `Run ${runId}, requested by ${requestedBy}, has ended this one and goes on in its place.`;
  return new PosternError("run.lease-lost", message, { cause, sqlState: cause.sqlState });
}
