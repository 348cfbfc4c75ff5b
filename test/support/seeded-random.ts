import { randomInt } from "node:crypto";
import process from "node:process";

export type SeededRandom = {
  /** Goes into the message of a failure: `POSTERN_TEST_SEED=n` draws the same again. */
  readonly seed: number;
  /** A whole number from 0 up to, and without, the limit. */
  below(limit: number): number;
  /** From 0 up to, and without, 1. */
  fraction(): number;
  bytes(length: number): Buffer;
  /** One of them, which must not be none. */
  pick<Item>(items: readonly Item[]): Item;
};

/** Another seed each time, unless one is given or set in the environment (mulberry32: for tests, not for secrets). */
export function seededRandom(seed = Number(process.env["POSTERN_TEST_SEED"] ?? randomInt(2 ** 31))): SeededRandom {
  let state = seed;
  const word = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const fraction = () => word() / 2 ** 32;
  const below = (limit: number) => Math.floor(fraction() * limit);
  return {
    seed,
    fraction,
    below,
    bytes: (length) => {
      const words = Uint32Array.from({ length: Math.ceil(length / 4) }, word);
      return Buffer.from(words.buffer, 0, length);
    },
    pick: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error("Nothing to pick from.");
      return item;
    },
  };
}
