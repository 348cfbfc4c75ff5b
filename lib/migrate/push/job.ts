import type pg from "pg";
import { PosternError } from "#lib/base/errors.ts";
import { sqlStateOf } from "#lib/postgres/errors.ts";
import type { ApplyLimits } from "../apply/context.ts";
import type { RunContext } from "../run/recorded-run.ts";
import type { SchemaDescription } from "./kit/kit-messages.ts";
import type { Kit } from "./kit/kit.ts";
import type { Outcome } from "./outcome.ts";
import type { Rename } from "./renames.ts";
import type { PushResult } from "./result.ts";
import { stopped } from "./stopped.ts";

/** What the parts of a push are given. */
export type PushJob = {
  readonly client: pg.Client;
  readonly context: RunContext;
  readonly schema: SchemaDescription;
  readonly kit: Kit;
  readonly renames: readonly Rename[];
  readonly acceptDataLoss: boolean;
  readonly dryRun: boolean;
  readonly limits: PushLimits;
  /** What the present attempt has found so far: told also when it does not come to an end. */
  found: Partial<Outcome>;
  /** What the ledger keeps of an outcome. */
  readonly toResult: (outcome: Outcome) => PushResult;
  /** The connection was lost while committing, and nobody knows whether it was committed. */
  isInDoubt: boolean;
};

export type PushLimits = ApplyLimits & {
  /** How long a statement may work under its locks. */
  readonly statementTimeoutMs: number;
};

/** What was measured before a statement was cut off, and the cancel itself, take a moment. */
const deadlineSlackMs = 250;

const queryCanceled = "57014";

/** For `statement_timeout`: the server ends a statement also when nobody can tell it to cancel. */
export function statementLimitMs({ statementTimeoutMs, remainingMs }: PushLimits): number {
  return Math.max(1, Math.ceil(Math.min(statementTimeoutMs, remainingMs())));
}

/** Work whose statements end with the run's time, when it is cancelled, and when whoever asked for it calls it off. */
export async function cancellable<Result>(job: PushJob, work: () => Promise<Result>): Promise<Result> {
  const { context, limits } = job;
  const { monitor, signal } = context;
  if (signal.aborted) throw whyEnded(job, signal.reason) ?? stopped(signal);
  return await monitor.cancellable(work, limits.remainingMs(), signal);
}

/** Why the push is over, where something ended it; undefined: `error` is the server's, a defect, or says more. */
export function whyEnded(
  { context: { signal }, limits, isInDoubt }: PushJob,
  error: unknown,
): PosternError | undefined {
  // Every reason to end says that nothing was changed.
  if (isInDoubt) return undefined;
  const isOutOfTime = limits.remainingMs() <= deadlineSlackMs;
  const reason = signal.aborted ? stopped(signal) : undefined;
  // Cancelled, or the lease is lost: that says more.
  if (reason !== undefined && (reason.code !== "aborted" || !isOutOfTime)) return reason;
  if (!isOutOfTime || (reason === undefined && sqlStateOf(error) !== queryCanceled)) return undefined;
  const message = "The push did not end within the time that the runner has.";
  return new PosternError("push.deadline", message, { cause: error, sqlState: sqlStateOf(error) });
}
