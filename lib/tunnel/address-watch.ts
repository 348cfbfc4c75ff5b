import { lookup } from "node:dns/promises";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { unlessAborted, withDeadline } from "./deadline.ts";

/** The addresses of the database's host at this moment. */
export type Resolve = (signal: AbortSignal) => Promise<readonly string[]>;

const lookUpDeadlineMs = 3_000;

/** As connections from this machine find the name: with its hosts file and its VPN. */
export function resolveHost(host: string): Resolve {
  return async () => (await lookup(host, { all: true })).map(({ address }) => address);
}

/**
 * Notices that a name leads elsewhere: after a failover a session still goes to the server that was the primary. For a
 * name that stands for one server, as a writer's endpoint does. A look-up that fails tells nothing.
 */
export class AddressWatch {
  readonly #resolve: Resolve | undefined;
  readonly #clock: Clock;
  #known: readonly string[] | undefined;

  constructor(resolve: Resolve | undefined, clock: Clock) {
    this.#resolve = resolve;
    this.#clock = clock;
  }

  /** Takes the answer of now for the one that the next link is opened with. */
  async remember(signal: AbortSignal): Promise<void> {
    this.#known = await this.#lookUp(signal);
  }

  /** True when no address of the remembered answer is in today's. */
  async hasMoved(signal: AbortSignal): Promise<boolean> {
    const answer = await this.#lookUp(signal);
    if (answer === undefined) return false;
    const known = (this.#known ??= answer);
    return !answer.some((address) => known.includes(address));
  }

  async #lookUp(signal: AbortSignal): Promise<readonly string[] | undefined> {
    const resolve = this.#resolve;
    if (resolve === undefined) return undefined;
    const context = { clock: this.#clock, signal, late };
    // The system's look-up cannot be broken off; nobody waits for it longer.
    const answer = await withDeadline(lookUpDeadlineMs, context, async (stop) => {
      return await unlessAborted(resolve(stop), stop);
    }).catch(() => undefined);
    return answer?.length === 0 ? undefined : answer;
  }
}

function late(): PosternError {
  return new PosternError("dns.not-found", "The name server did not answer in time.");
}
