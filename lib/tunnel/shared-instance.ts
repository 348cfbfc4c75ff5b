type Kept = AsyncDisposable & { readonly ended: Promise<unknown> };

/** One instance for a whole process: opened by who asks first, given to who asks later, forgotten when it has ended. */
export class SharedInstance<T extends Kept> {
  #entry: { readonly opening: Promise<T>; opened?: T } | undefined;

  /** Undefined while it is being opened, and after it has ended. */
  get current(): T | undefined {
    return this.#entry?.opened;
  }

  /** The one that there is, or is being opened; else what `make` opens. After a failure the next caller makes another. */
  async open(make: () => Promise<T>): Promise<T> {
    if (this.#entry === undefined) {
      this.#entry = { opening: make() };
      void this.#follow(this.#entry);
    }
    return await this.#entry.opening;
  }

  /** Disposes it, also one that is still being opened; whoever asks meanwhile gets another. */
  async reset(): Promise<void> {
    const entry = this.#entry;
    this.#entry = undefined;
    const opened = await entry?.opening.catch(() => undefined);
    await opened?.[Symbol.asyncDispose]();
  }

  async #follow(entry: { readonly opening: Promise<T>; opened?: T }): Promise<void> {
    try {
      entry.opened = await entry.opening;
      await entry.opened.ended;
    } catch {
      // Whoever opened it is told.
    }
    if (this.#entry === entry) this.#entry = undefined;
  }
}
