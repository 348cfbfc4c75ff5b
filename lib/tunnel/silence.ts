import type { LinkVitals } from "./transport.ts";

/**
 * - `well`: it lives, as good as answered.
 * - `trust`: its silence proves nothing; it stays as it is.
 * - `doubt`: it stays, new clients are held, and it is asked again soon.
 * - `replace`: its streams are lost.
 */
export type SilenceMeaning = "well" | "trust" | "doubt" | "replace";

/** A client waits for so long in all when the link resumes; what is left of ten seconds is for another link. */
const awaitResumeMs = 8_000;
/** After waking, a busy link is believed if the other side was heard this lately. */
const heardMs = 2_000;

/**
 * What to make of a link through which PostgreSQL did not answer. Pure.
 *
 * 1. One that resumes keeps its streams meanwhile: replacing it would lose what may well come back. While nobody waits for
 *    it, it may take its time.
 * 2. One that brought bytes for others meanwhile lives: over a slow network the answer stands in a queue behind them.
 * 3. One that is busy could not have answered: a reader that stops holds up all streams of a session, and an old agent
 *    takes one stream at a time. Replacing it would cut off who works.
 * 4. The machine slept, or it was doubted before: it is dead.
 */
export function judgeSilence({
  vitals,
  hasDelivered,
  hasWoken,
  awaitedMs,
  doubtedMs,
}: {
  readonly vitals: LinkVitals;
  /** Bytes came down through it since PostgreSQL was asked. */
  readonly hasDelivered: boolean;
  readonly hasWoken: boolean;
  /** For how long a client has waited, for a link or an answer; undefined while there is none. */
  readonly awaitedMs: number | undefined;
  /** For how long it has been doubted; undefined while it is not. */
  readonly doubtedMs: number | undefined;
}): SilenceMeaning {
  if (vitals.state === "resuming") return (awaitedMs ?? 0) >= awaitResumeMs ? "replace" : "doubt";
  if (hasDelivered) return "well";
  if (vitals.isBusy === true && (!hasWoken || vitals.silentMs < heardMs)) return "trust";
  return hasWoken || doubtedMs !== undefined ? "replace" : "doubt";
}
