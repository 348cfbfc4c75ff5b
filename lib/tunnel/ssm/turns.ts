/**
 * Who sends next, where many share one way. Those that had nothing to send until now ("fresh") and those that still
 * have something after a turn of theirs ("waiting") take turns one for one, each group in its own order: a short query
 * passes between the slices of any number of uploads, and no number of short queries stops an upload.
 */
export class Turns<Item> {
  readonly #fresh = new Set<Item>();
  readonly #waiting = new Set<Item>();
  #freshHadLast = false;

  /** Has something to send. Does nothing for one that is in line already. */
  add(item: Item): void {
    if (!this.#waiting.has(item)) this.#fresh.add(item);
  }

  /** Has had a turn, and still has something to send. */
  putBack(item: Item): void {
    this.#fresh.delete(item);
    this.#waiting.add(item);
  }

  /** Out of line, until it is added or put back again; undefined when nobody is in line. */
  take(): Item | undefined {
    const freshFirst = !this.#freshHadLast;
    const [first, second] = freshFirst ? [this.#fresh, this.#waiting] : [this.#waiting, this.#fresh];
    const group = first.size > 0 ? first : second;
    const next = group.values().next();
    if (next.done === true) return undefined;
    group.delete(next.value);
    this.#freshHadLast = group === this.#fresh;
    return next.value;
  }

  clear(): void {
    this.#fresh.clear();
    this.#waiting.clear();
  }
}
