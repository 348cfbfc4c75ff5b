import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { AddressWatch } from "./address-watch.ts";
import { askPostgres, type HealthCheck } from "./health.ts";
import type { Link } from "./transport.ts";

/** After waking the answer is due sooner: with the second in which waking is noticed, a dead link is redialled within 3 s. */
const wokenDeadlineMs = 2_000;
/**
 * An answer after the first doubt is waited for so long: a client has waited in vain, or a check. One that fell into a
 * black hole is so served within its ten seconds.
 */
const doubtedDeadlineMs = 2_500;

/** How long PostgreSQL's answer is waited for, through a link that was up; `healthDeadlineMs` where there is no hurry. Pure. */
export function checkDeadlineMs(
  healthDeadlineMs: number,
  { hasWoken, isDoubted }: { readonly hasWoken: boolean; readonly isDoubted: boolean },
): number {
  if (hasWoken) return wokenDeadlineMs;
  return isDoubted ? Math.min(healthDeadlineMs, doubtedDeadlineMs) : healthDeadlineMs;
}

export type LinkCheck =
  | { readonly kind: "answered"; readonly answerMs: number }
  /** It answered, and is not where the database's name leads to now. */
  | { readonly kind: "moved"; readonly answerMs: number; readonly reason: PosternError }
  /** What that means is for `silence.ts`. */
  | { readonly kind: "failed"; readonly reason: PosternError };

/** Asks PostgreSQL through a link that was up, and whether that is still the one that is meant. Never rejects; leaves no stream. */
export async function checkLink(link: Link, addresses: AddressWatch, check: HealthCheck): Promise<LinkCheck> {
  // It would be one more stream that waits for the link to come back.
  if (isResuming(link)) return { kind: "failed", reason: resumingError() };
  try {
    const answerMs = await askPostgres(link, check);
    const hasMoved = await addresses.hasMoved(check.signal);
    return hasMoved ? { kind: "moved", answerMs, reason: movedError() } : { kind: "answered", answerMs };
  } catch (error) {
    return { kind: "failed", reason: toPosternError(error) };
  }
}

export function isResuming(link: Link): boolean {
  return link.vitals().state === "resuming";
}

function resumingError(): PosternError {
  return new PosternError("endpoint.silent", "The link was interrupted and is on its way back.", {
    hint: "Connections keep, and new ones wait, until it is back or another takes its place.",
  });
}

function movedError(): PosternError {
  return new PosternError("endpoint.closed", "The database's host has another address now (a failover?).");
}
