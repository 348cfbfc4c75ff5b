import type { SocketFacts } from "./evidence.ts";

/** Something was lost on this connection. */
export function isLossy({ retransmits, hasOutOfOrder }: SocketFacts): boolean {
  return retransmits > 0 || hasOutOfOrder;
}

/** More than the one that an impatient kernel sends again on a busy machine. */
export function losesSome({ retransmits, hasOutOfOrder }: SocketFacts): boolean {
  return retransmits > 1 || hasOutOfOrder;
}

/** Of twenty packets one is where people begin to notice; the least number keeps a packet or two from being a share. */
const noticedShare = 0.05;
const fewPackets = 3;

/** So many that it is worth a word even where everything passed. */
export function losesMany({ retransmits, sentSegments }: SocketFacts): boolean {
  return retransmits >= fewPackets && retransmits >= noticedShare * sentSegments;
}

/** Several connections as if they were one. */
export function sumOf(facts: readonly SocketFacts[]): SocketFacts | undefined {
  if (facts.length === 0) return undefined;
  const sum = (count: (one: SocketFacts) => number) => facts.reduce((all, one) => all + count(one), 0);
  return {
    retransmits: sum(({ retransmits }) => retransmits),
    sentSegments: sum(({ sentSegments }) => sentSegments),
    hasOutOfOrder: facts.some(({ hasOutOfOrder }) => hasOutOfOrder),
    ackedInStepBytes: sum(({ ackedInStepBytes }) => ackedInStepBytes),
    unackedBytes: sum(({ unackedBytes }) => unackedBytes),
  };
}
