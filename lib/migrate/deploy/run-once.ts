import type { Client } from "pg";
import { PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { readRun, type RunRecord } from "../ledger/ledger.ts";

/** What is run once for one content, whoever asks for it and however often. */
export type OnceOptions<Result> = {
  /** Id of the first attempt, made of the content; those that follow have `-2`, `-3`… behind it. */
  readonly runId: string;
  /** For one look at the ledger, as the migrator. */
  readonly look: <Seen>(work: (client: Client) => Promise<Seen>) => Promise<Seen>;
  /** Whether an attempt that has ended well still holds. Default: it does. */
  readonly stillHolds?: (client: Client) => Promise<boolean>;
  /** Does the run, or attaches to it when it is on. */
  readonly run: (runId: string) => Promise<Result>;
};

/** Outcomes in the ledger after which there is nothing left to do. */
const goodOutcomes: ReadonlySet<string> = new Set(["applied", "up-to-date", "seeded"]);

/** A run whose process is gone is run anew so often; one that kills its process must not be run for ever. */
const maxLost = 1;

/**
 * Runs something that was not run before, in one attempt after the other.
 *
 * - The last attempt is on: attach to it, and have its outcome, good or bad.
 * - It has ended well: its result is the result, unless it holds no longer.
 * - It failed, was refused, cancelled, cut off by the deadline, or its process is gone: begin the next attempt.
 * - There is none: begin the first.
 *
 * Two that come at once find the same attempt, and the ledger has each run id once: one begins it, the other attaches. When the
 * process that one is attached to dies, the next attempt is begun at once.
 */
export async function runOnce<Result>(options: OnceOptions<Result>): Promise<{ runId: string; result: Result }> {
  for (let lost = 0; ; lost += 1) {
    const { runId, done } = await options.look(async (client) => findAttempt(client, options));
    if (done !== undefined) return { runId, result: done as Result };
    try {
      return { runId, result: await options.run(runId) };
    } catch (error) {
      if (!(error instanceof PosternError) || error.code !== "run.lost" || lost >= maxLost) throw error;
    }
  }
}

type Attempt = { readonly runId: string; readonly done?: unknown };

async function findAttempt<Result>(client: Client, { runId, stillHolds }: OnceOptions<Result>): Promise<Attempt> {
  let last: RunRecord | undefined;
  for (let n = 1; ; n += 1) {
    const id = n === 1 ? runId : `${runId}-${n}`;
    const found = await readRun(client, id).catch((error: unknown) => {
      throw toDatabaseError(error, "reading the ledger");
    });
    // The first id that is free comes behind the last attempt.
    if (found === undefined) return await judge(client, last, id, stillHolds);
    last = found;
  }
}

async function judge(
  client: Client,
  last: RunRecord | undefined,
  next: string,
  stillHolds: OnceOptions<unknown>["stillHolds"],
): Promise<Attempt> {
  if (last === undefined) return { runId: next };
  if (last.endedAt === null) return { runId: last.isConnected ? last.runId : next };
  if (!goodOutcomes.has(last.outcome ?? "") || last.result === null) return { runId: next };
  const holds = stillHolds === undefined || (await stillHolds(client));
  return holds ? { runId: last.runId, done: last.result } : { runId: next };
}
