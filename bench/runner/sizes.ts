/** How much each part of the comparison does. */
export type Sizes = {
  readonly rounds: number;
  readonly migrations: number;
  readonly seedRows: number;
  readonly memoryRows: readonly [number, number];
  readonly readers: number;
  /** How long the readers are measured alone, and how long the long reader stays. */
  readonly baselineMs: number;
  readonly holdMs: number;
};

export const fullSizes: Sizes = {
  rounds: 5,
  migrations: 200,
  seedRows: 1_000_000,
  memoryRows: [1_000_000, 10_000_000],
  readers: 50,
  baselineMs: 5_000,
  holdMs: 5_000,
};

/** Says only that everything runs. */
export const quickSizes: Sizes = {
  rounds: 1,
  migrations: 10,
  seedRows: 2_000,
  memoryRows: [1_000, 2_000],
  readers: 5,
  baselineMs: 200,
  holdMs: 300,
};
