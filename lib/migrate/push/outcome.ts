import type { PosternError } from "#lib/base/errors.ts";
import type { JudgedStatement } from "./judge.ts";
import type { PushResult } from "./result.ts";

/** A result, but for what every run has. */
export type Outcome = Pick<PushResult, "status"> & Partial<Omit<PushResult, "runId" | "ms">>;

export type Planned = Pick<JudgedStatement, "shown" | "hazards">;

/** What was found, and why nothing of it is done: a refusal, or a failure. */
export function refuse(found: Partial<Outcome>, statements: readonly Planned[], reason: PosternError): Outcome {
  const status = reason.exitCode === 1 ? "refused" : "failed";
  return { ...found, status, statements: tell(statements, false), error: reason.toDocument() };
}

export function tell(statements: readonly Planned[], executed: boolean): PushResult["statements"] {
  return statements.map(({ shown, hazards }) => ({ sql: shown, hazards, executed }));
}
