import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import type { ErrorCode } from "#lib/base/errors.ts";
import type { DoctorAction } from "#lib/contract.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { toAwsError } from "#lib/stage/aws-errors.ts";

/** What AWS answered to one question; or that the answer is not known, and why. */
export type Fact<Value> = Known<Value> | Unknown;

export type Known<Value> = { readonly kind: "known"; readonly value: Value; readonly ms: number };

export type Unknown = {
  readonly kind: "unknown";
  /** What was asked. */
  readonly action: DoctorAction;
  /** `aws.permission` where it is not allowed. */
  readonly code: ErrorCode;
  /** For people: `ec2:DescribeAddresses is not allowed`. */
  readonly because: string;
  readonly ms: number;
};

export type AskOptions = {
  readonly access: AwsAccess;
  readonly signal: AbortSignal;
  /** Default 2 s, of which the SDK may use a second attempt. */
  readonly limitMs?: number;
  readonly clock?: Clock;
};

export const defaultLimitMs = 2000;

/**
 * Asks AWS one thing. A refusal, a failure and a silence are answers, too: nobody's report ends because one permission is
 * missing. Only the caller's own `signal` ends it by an exception.
 */
export async function ask<Value>(
  action: DoctorAction,
  options: AskOptions,
  read: (signal: AbortSignal) => Promise<Value>,
): Promise<Fact<Value>> {
  const { access, signal, limitMs = defaultLimitMs, clock = systemClock } = options;
  const startMs = clock.nowMs();
  const limit = AbortSignal.timeout(limitMs);
  try {
    const value = await read(AbortSignal.any([signal, limit]));
    return { kind: "known", value, ms: elapsedMs(clock, startMs) };
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = toAwsError(error, { name: action, access, signal: limit });
    const unknown = { kind: "unknown", action, ms: elapsedMs(clock, startMs) } as const;
    if (code === "aws.permission") return { ...unknown, code, because: `${action} is not allowed` };
    if (code === "aborted") {
      return { ...unknown, code: "aws.failed", because: `${action} was not answered within ${limitMs / 1000} s` };
    }
    return { ...unknown, code, because: message };
  }
}

/** The value, or undefined where it is not known. */
export function valueOf<Value>(fact: Fact<Value> | undefined): Value | undefined {
  return fact?.kind === "known" ? fact.value : undefined;
}
