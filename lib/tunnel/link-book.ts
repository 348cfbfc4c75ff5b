import type { Link } from "./transport.ts";

/** The link in use, those that are being closed, and what all of them carried. */
export class LinkBook {
  #current: Link | undefined;
  readonly #closing = new Map<Link, Promise<void>>();
  #bytesUp = 0;
  #bytesDown = 0;

  get current(): Link | undefined {
    return this.#current;
  }

  get bytesUp(): number {
    return this.#all().reduce((sum, link) => sum + link.vitals().bytesUp, this.#bytesUp);
  }

  get bytesDown(): number {
    return this.#all().reduce((sum, link) => sum + link.vitals().bytesDown, this.#bytesDown);
  }

  open(link: Link): void {
    this.#current = link;
  }

  /** Closes the link in use. Nobody waits for that: over a dead network a goodbye takes long. */
  retire(): void {
    const link = this.#current;
    this.#current = undefined;
    if (link === undefined) return;
    const close = async (): Promise<void> => {
      try {
        await link[Symbol.asyncDispose]();
      } catch {
        // What could not be said to the other side is no concern of the next link.
      }
      const { bytesUp, bytesDown } = link.vitals();
      this.#bytesUp += bytesUp;
      this.#bytesDown += bytesDown;
      this.#closing.delete(link);
    };
    this.#closing.set(link, close());
  }

  /** Done when every link is closed. */
  async closeAll(): Promise<void> {
    this.retire();
    await Promise.all(this.#closing.values());
  }

  #all(): readonly Link[] {
    return [...this.#closing.keys(), ...(this.#current === undefined ? [] : [this.#current])];
  }
}
