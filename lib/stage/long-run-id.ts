import { randomUUID } from "node:crypto";

/**
 * Ids of long runs tell that they are: until its task has started, which takes a minute or more, the ledger does not know a run,
 * and whoever only has its id must not begin it in the function.
 */
export function makeLongRunId(): string {
  return `long-${randomUUID()}`;
}

const pattern = /^long-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u;

export function isLongRunId(runId: string | undefined): boolean {
  return runId !== undefined && pattern.test(runId);
}
