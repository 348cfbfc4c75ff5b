/**
 * Puts what arrives back into the order in which it was sent. The other side sends a message again until it is
 * acknowledged, so each that is not dropped must be: also an old one, whose acknowledgement was lost. The official
 * client leaves those alone; one lost acknowledgement and one lost message later nothing moves any more.
 */
export type ReceiveOrder<Item> = {
  /** `ready`: what is next in order, now that this one is here. */
  readonly accept: (sequenceNumber: number, item: Item) => { isKept: boolean; ready: readonly Item[] };
};

export type ReceiveOrderOptions<Item> = {
  readonly sizeOf: (item: Item) => number;
  /** The item as it is kept: without a hold on buffers that are to be freed. */
  readonly keep: (item: Item) => Item;
  /** Of those that came before their turn; what goes beyond is dropped. Default 10,000. */
  readonly maxMessages?: number;
  /** Default 16 MiB. */
  readonly maxBytes?: number;
};

const defaults = { maxMessages: 10_000, maxBytes: 16 * 1024 * 1024 } as const;

export function createReceiveOrder<Item>(options: ReceiveOrderOptions<Item>): ReceiveOrder<Item> {
  const { sizeOf, keep, maxMessages = defaults.maxMessages, maxBytes = defaults.maxBytes } = options;
  const early = new Map<number, Item>();
  let earlyBytes = 0;
  let expected = 0;

  return {
    accept: (sequenceNumber, item) => {
      if (sequenceNumber < expected || early.has(sequenceNumber)) return { isKept: true, ready: [] };
      if (sequenceNumber > expected) {
        const size = sizeOf(item);
        if (early.size >= maxMessages || earlyBytes + size > maxBytes) return { isKept: false, ready: [] };
        early.set(sequenceNumber, keep(item));
        earlyBytes += size;
        return { isKept: true, ready: [] };
      }
      const ready: Item[] = [];
      for (let next: Item | undefined = item; next !== undefined; next = early.get(expected)) {
        if (early.delete(expected)) earlyBytes -= sizeOf(next);
        ready.push(next);
        expected += 1;
      }
      return { isKept: true, ready };
    },
  };
}
