import type { Spread } from "./statistics.ts";

export type Goal = {
  readonly goal: string;
  readonly limit: { readonly kind: "at most" | "at least"; readonly value: number };
  /** Of the rounds, where there are several. */
  readonly measured: Spread;
  readonly isMet: boolean;
};

export function atMost(goal: string, value: number, measured: Spread): Goal {
  return { goal, limit: { kind: "at most", value }, measured, isMet: measured.median <= value };
}

export function atLeast(goal: string, value: number, measured: Spread): Goal {
  return { goal, limit: { kind: "at least", value }, measured, isMet: measured.median >= value };
}
