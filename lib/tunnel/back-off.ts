export type BackOffPolicy = {
  /** The first wait at most. Default 200. */
  readonly initialDelayMs?: number | undefined;
  /** No wait is longer. Default 15 000, or the first one where that is longer. */
  readonly maxDelayMs?: number | undefined;
};

const defaults = Object.freeze({ initialDelayMs: 200, maxDelayMs: 15_000 });

/** A wait is not longer than this while a client waits for the tunnel and the outage is young, later. */
const awaitedMs = { young: 500, old: 3_000, youngForMs: 60_000 } as const;

export type Setback = {
  /** Failures in a row, from 1. */
  readonly failures: number;
  /** A client is being held: what is saved by waiting, it pays. */
  readonly isAwaited: boolean;
  /** Since the link was lost, or since the start. */
  readonly outageMs: number;
};

/**
 * How long to wait before the next attempt: doubling from 0.2 s to 15 s, of which the upper half is left to chance, so
 * that the tunnels of a team do not come back in step. Pure: `random` is from 0 up to 1.
 *
 * While a client waits the pause is short, since it is held for some seconds only; after a minute less so, because a
 * pool that asks day and night must not spend the account's StartSession rate.
 */
export function backOffMs(setback: Setback, random: number, policy: BackOffPolicy = {}): number {
  const initialDelayMs = policy.initialDelayMs ?? defaults.initialDelayMs;
  const maxDelayMs = Math.max(policy.maxDelayMs ?? defaults.maxDelayMs, initialDelayMs);
  const doubled = Math.min(initialDelayMs * 2 ** Math.max(0, setback.failures - 1), maxDelayMs);
  const limit = setback.outageMs < awaitedMs.youngForMs ? awaitedMs.young : awaitedMs.old;
  const scale = setback.isAwaited ? Math.min(doubled, limit) : doubled;
  return Math.round(scale * (0.5 + random / 2));
}
