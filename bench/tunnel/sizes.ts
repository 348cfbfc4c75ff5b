/** How much each part of the comparison does. */
export type Sizes = {
  readonly rounds: number;
  /** `select 1` of each contender in a round; a multiple of 100. */
  readonly queries: number;
  /** Of one transfer. */
  readonly bulkBytes: number;
  /** Of one transfer in payloads of 1 KiB. */
  readonly smallBytes: number;
  /** Of one session at its pace, in a round. */
  readonly pacedBytes: number;
  readonly drops: number;
  /** The longest outage. */
  readonly outageMs: number;
  readonly starts: number;
  readonly chaosMs: number;
};

export const fullSizes: Sizes = {
  rounds: 5,
  queries: 2_000,
  bulkBytes: 128_000_000,
  smallBytes: 64_000_000,
  pacedBytes: 4_000_000,
  drops: 100,
  outageMs: 3_000,
  starts: 500,
  chaosMs: 300_000,
};

/** Says only that everything runs. */
export const quickSizes: Sizes = {
  rounds: 1,
  queries: 100,
  bulkBytes: 4_000_000,
  smallBytes: 1_000_000,
  pacedBytes: 160_000,
  drops: 4,
  outageMs: 100,
  starts: 5,
  chaosMs: 3_000,
};
