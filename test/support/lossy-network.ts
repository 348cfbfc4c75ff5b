import type { DrivenClock } from "./driven-clock.ts";
import { seededRandom } from "./seeded-random.ts";

export type LossyNetwork = {
  /** Perhaps once, perhaps not, perhaps twice, perhaps much later than the next. */
  carry(frame: Uint8Array, deliver: (frame: Uint8Array) => void): void;
  /** When the next frame arrives; undefined: none is under way. */
  nextAtMs(): number | undefined;
  /** Delivers what has arrived by now. */
  deliverDue(): void;
};

export type Odds = { readonly loss: number; readonly repeat: number; readonly reorder: number };

const delayMs = 2;
const detourMs = 40;

/** A network in driven time, whose whims come from a seed. */
export function createLossyNetwork(clock: DrivenClock, odds: Odds, seed: number): LossyNetwork {
  const chance = seededRandom(seed);
  let underWay: { readonly atMs: number; readonly frame: Uint8Array; readonly deliver: (frame: Uint8Array) => void }[] =
    [];
  return {
    carry: (frame, deliver) => {
      const copies = chance.fraction() < odds.repeat ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        if (chance.fraction() < odds.loss) continue;
        const atMs = clock.nowMs() + delayMs + (chance.fraction() < odds.reorder ? chance.fraction() * detourMs : 0);
        underWay.push({ atMs, frame, deliver });
      }
    },
    nextAtMs: () => (underWay.length === 0 ? undefined : Math.min(...underWay.map(({ atMs }) => atMs))),
    deliverDue: () => {
      const due = underWay.filter(({ atMs }) => atMs <= clock.nowMs()).toSorted((one, two) => one.atMs - two.atMs);
      underWay = underWay.filter(({ atMs }) => atMs > clock.nowMs());
      for (const { frame, deliver } of due) deliver(frame);
    },
  };
}
