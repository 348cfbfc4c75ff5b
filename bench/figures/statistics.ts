/** Of one contender's rounds. */
export type Spread = { readonly median: number; readonly min: number; readonly max: number };

export function spreadOf(numbers: readonly number[]): Spread {
  const sorted = numbers.toSorted((left, right) => left - right);
  return { median: quantile(sorted, 0.5), min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/**
 * Each round's ratio by itself: what slows the machine for a while slows both contenders of a round, and so falls out.
 *
 * @param one and @param other the same rounds in the same order
 */
export function ratioOf(one: readonly number[], other: readonly number[]): Spread {
  return spreadOf(one.map((value, round) => value / (other[round] ?? Number.NaN)));
}

/** By linear interpolation between neighbours. */
export function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/**
 * Every contender once a round, in another order each time, so that neither noise nor the place in the order favours one. The
 * round before the first warms caches and does not count.
 *
 * @returns by name, one value a round
 */
export async function measureInRounds<Contender extends { readonly name: string }, Value>(
  contenders: readonly Contender[],
  rounds: number,
  measure: (contender: Contender) => Promise<Value>,
): Promise<Map<string, Value[]>> {
  const values = new Map<string, Value[]>(contenders.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round += 1) {
    const first = (round + 1) % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      const value = await measure(contender);
      if (round >= 0) values.get(contender.name)?.push(value);
    }
  }
  return values;
}
