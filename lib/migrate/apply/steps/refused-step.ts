import { sqlStateOf } from "#lib/postgres/errors.ts";
import { runScript } from "#lib/postgres/script.ts";
import type { ApplyContext } from "../context.ts";
import { dropInvalidIndexes } from "./invalid-index.ts";
import type { Migration } from "../../folder/source.ts";
import type { Step } from "../prepare.ts";
import { forgetStepSql, type RecordedSteps } from "./recorded-steps.ts";

/**
 * After a statement that cannot run in a transaction has failed, while its connection lives: drops the invalid index that it
 * left, then lets the ledger forget that it was under way. The statement may be mended in the file then, and what takes its
 * place finds nothing of it.
 *
 * The step stays `running`, so that the next run must repeat it as it was, when the index cannot be dropped within the lock
 * timeout; and when an earlier run may have done it and this failure is of the moment and tells nothing about that.
 */
export async function undoRefused(
  { client, run, limits }: ApplyContext,
  one: {
    readonly migration: Migration;
    readonly step: Step;
    readonly number: number;
    readonly recorded: RecordedSteps;
  },
  error: unknown,
): Promise<void> {
  const { migration, step, number, recorded } = one;
  if (recorded.get(number) === "running" && isOfTheMoment(sqlStateOf(error))) return;
  if (limits.remainingMs() < limits.lockTimeoutMs) return;
  await runScript(client, `set lock_timeout = ${Math.ceil(limits.lockTimeoutMs)}; set statement_timeout = 0`);
  await dropInvalidIndexes(client, step.node);
  await runScript(client, forgetStepSql(run, migration, number));
}

/** 40 transaction_rollback, 53 insufficient_resources, 57 operator_intervention, 58 system_error, 55P03 lock_not_available. */
function isOfTheMoment(sqlState: string | undefined): boolean {
  return sqlState === undefined || /^(?:40|53|57|58|55P03)/u.test(sqlState);
}
