/**
 * How long the other side takes to acknowledge, and from it how long to wait before a message counts as lost: the
 * estimator of RFC 6298 with the numbers of the official client.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6298
 */
export type RoundTrip = {
  /** Of a message that was sent once: which of several copies was acknowledged nobody can tell (Karn's rule). */
  readonly measure: (ms: number) => void;
  /** Undefined until something was measured. */
  readonly smoothedMs: () => number | undefined;
  readonly timeoutMs: () => number;
};

const firstTimeoutMs = 200;
const maxTimeoutMs = 1000;
const minMarginMs = 10;

export function createRoundTrip(): RoundTrip {
  let smoothed: number | undefined;
  let variation = 0;
  return {
    measure: (ms) => {
      if (smoothed === undefined) {
        smoothed = ms;
        variation = ms / 2;
        return;
      }
      variation += (Math.abs(smoothed - ms) - variation) / 4;
      smoothed += (ms - smoothed) / 8;
    },
    smoothedMs: () => smoothed,
    timeoutMs: () =>
      smoothed === undefined ? firstTimeoutMs : Math.min(smoothed + Math.max(minMarginMs, 4 * variation), maxTimeoutMs),
  };
}
