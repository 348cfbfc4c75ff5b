/** Chance that can be repeated: the same seed gives the same numbers. */
export type Random = {
  /** 0 (inclusive) to 1 (exclusive). */
  readonly next: () => number;
  /** A whole number, 0 to `limit` - 1. */
  readonly below: (limit: number) => number;
  readonly bytes: (length: number) => Buffer;
  readonly pick: <Item>(items: readonly Item[]) => Item;
};

/** Mulberry32. @see https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const word = () => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const next = () => word() / 2 ** 32;
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    next,
    below,
    bytes: (length) => {
      const words = new Uint32Array(Math.ceil(length / 4));
      for (let index = 0; index < words.length; index += 1) words[index] = word();
      return Buffer.from(words.buffer, 0, length);
    },
    pick: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error("Nothing to pick from.");
      return item;
    },
  };
}

/** Another one each time; `SEED` repeats one that failed. */
export function seedOfRun(): number {
  return process.env["SEED"] === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(process.env["SEED"]);
}
