import type { PosternError } from "#lib/base/errors.ts";
import type { Link } from "./transport.ts";

/**
 * Where a tunnel is, and where it goes from there:
 *
 * ```
 * connecting ───► up          a link, and PostgreSQL answered through it
 * connecting ───► connecting  an attempt failed for a reason that may pass; after a pause, the next one
 * connecting ───► closed      a lasting reason (`isLasting`), no retry left, or disposed
 * up ───────────► degraded    the link lives, and PostgreSQL did not answer through it; or it resumes
 * degraded ─────► up          it answered
 * degraded ─────► reconnecting  it did not answer the second time either, or the link ended; one that resumes is given time
 * up ───────────► reconnecting  the link ended; it was dead after the machine had slept; the database has another address
 * reconnecting ─► up          as above
 * reconnecting ─► reconnecting  an attempt failed, for whatever reason: what was once there may be given back
 * reconnecting ─► closed      no retry left, or disposed
 * up, degraded ─► closed      disposed
 * ```
 *
 * Clients are given streams while it is `up` and its link does not resume; otherwise they are held, until it is `closed`.
 */
export type TunnelState =
  | { readonly name: "connecting"; readonly attempt: number; readonly reason?: PosternError }
  | { readonly name: "up"; readonly link: Link; readonly sinceMs: number }
  | { readonly name: "degraded"; readonly link: Link; readonly sinceMs: number; readonly reason: PosternError }
  | { readonly name: "reconnecting"; readonly attempt: number; readonly reason: PosternError }
  | { readonly name: "closed"; readonly reason?: PosternError };

export type TunnelStateName = TunnelState["name"];
