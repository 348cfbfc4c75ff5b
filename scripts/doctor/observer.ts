import type { ProbeReport } from "#lib/protocol.ts";

/** Whoever has something examined, and watches. */
export type Observer = {
  readonly onStep: (vantage: ProbeReport["vantage"], step: string) => void;
  /** A secret was read: no report may show it. */
  readonly onSecret: (secret: string) => void;
};

export const nobody: Observer = { onStep: () => {}, onSecret: () => {} };
