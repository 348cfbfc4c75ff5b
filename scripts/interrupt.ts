/** What a run right here is doing when a signal comes. */
export type Underway =
  /** Nothing that would have to be finished. */
  | { readonly is: "between" }
  /** A migration that is kept whole or not at all. */
  | { readonly is: "transaction"; readonly tag: string }
  /** A migration that is kept statement by statement. */
  | { readonly is: "steps"; readonly tag: string }
  /** Somebody else's process does the work. */
  | { readonly is: "watching"; readonly runId: string };

/** What a first signal leads to, in one sentence. A process that SIGTERM ends has nobody who would press keys. */
export function describeInterrupt(underway: Underway, signal: string): string {
  const again = signal === "SIGINT" ? "Ctrl-C again stops it" : "a second signal stops it";
  switch (underway.is) {
    case "between":
      return "stopping; what was applied stays";
    case "transaction":
      return `finishing ${underway.tag}; ${again} and keeps nothing of it`;
    case "steps":
      return `finishing a statement of ${underway.tag}; ${again}; statements that are done stay`;
    case "watching":
      return describeWatched(underway.runId);
    default:
      return underway satisfies never;
  }
}

/** What a signal leads to where somebody else's process does the work. */
export function describeWatched(runId: string): string {
  return `the run goes on: watch it again with --run-id ${runId}, end it with --cancel ${runId}`;
}
