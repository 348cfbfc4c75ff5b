import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Clock } from "#lib/base/clock.ts";

export type RaceOptions = {
  /** In the order in which the system would try them; at least one. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/** One address of the race, and what has become of it. */
export type Runner = {
  readonly address: string;
  readonly socket: Socket;
  /** Why it was refused. */
  errno?: string;
};

export type Race = { readonly winner: Runner | undefined; readonly runners: readonly Runner[] };

/** https://www.rfc-editor.org/rfc/rfc8305#section-5 */
const headStartMs = 250;

/**
 * Tries the addresses one after the other, each at once when the one before is refused and else when it had its head start, and
 * takes the first that connects. None is given up for being slow, as Node's own race does: what is far may need longer.
 * What did not win is destroyed. Without a winner all were refused, or the signal was aborted.
 */
export async function raceAddresses({ addresses, port, clock, signal }: RaceOptions): Promise<Race> {
  const runners: Runner[] = [];
  const finishes: Promise<Runner>[] = [];
  for (const address of addresses) {
    const runner: Runner = { address, socket: connect({ host: address, port, noDelay: true }) };
    const finish = run(runner, signal);
    runners.push(runner);
    finishes.push(finish);
    const resting = new AbortController();
    const rest = clock.sleep(headStartMs, AbortSignal.any([signal, resting.signal]));
    await Promise.race([Promise.any(finishes), finish, rest].map(async (one) => one.catch(() => {})));
    resting.abort();
    await rest.catch(() => {});
    if (signal.aborted || runners.some(isConnected)) break;
  }
  const winner = await Promise.any(finishes).catch(() => undefined);
  for (const one of runners) if (one !== winner) one.socket.destroy();
  return { winner, runners };
}

async function run(runner: Runner, signal: AbortSignal): Promise<Runner> {
  runner.socket.on("error", () => {});
  try {
    await once(runner.socket, "connect", { signal });
    return runner;
  } catch (error) {
    if (!signal.aborted && error instanceof Error && "code" in error) runner.errno = String(error.code);
    throw error;
  }
}

function isConnected({ socket }: Runner): boolean {
  return !socket.connecting && !socket.destroyed;
}
