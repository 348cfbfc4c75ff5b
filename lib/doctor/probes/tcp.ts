import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Clock, elapsedMs } from "#lib/base/clock.ts";
import { formatHostPort } from "#lib/base/host-port.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { timedOut } from "../conversation.ts";
import { StepFailed } from "../evidence.ts";
import { raceAddresses, type Runner } from "./race.ts";

export type OpenOptions = {
  readonly address: DatabaseAddress;
  readonly addresses: readonly string[];
  readonly open: ((signal: AbortSignal) => Promise<Duplex>) | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/**
 * Addresses of both families are raced as browsers do it (RFC 8305). One that stayed silent before the
 * winner's turn is told, for not everybody races.
 */
export async function openConnection(
  options: OpenOptions,
): Promise<{ readonly detail: string; readonly warning?: string; readonly found: Duplex }> {
  const { address, addresses, open, clock, signal } = options;
  const startMs = clock.nowMs();
  // A transport's own reason is thrown as it is: nothing behind it was reached.
  if (open !== undefined) return { detail: "through the tunnel's transport", found: await openThrough(open, signal) };
  const { winner, runners } = await raceAddresses({ addresses, port: address.port, clock, signal });
  if (winner !== undefined) {
    const before = runners.slice(0, runners.indexOf(winner));
    const silent = before.filter(({ errno }) => errno === undefined).map((one) => one.address);
    return {
      detail: `connected to ${remoteOf(winner.socket)}`,
      ...(silent.length === 0
        ? {}
        : { warning: `No answer by then from ${silent.join(", ")}: psql waits there first.` }),
      found: winner.socket,
    };
  }
  const errno = furthestOf(runners);
  if (errno === undefined) throw timedOut(undefined);
  const failure = { kind: "errno", errno, ms: elapsedMs(clock, startMs) } as const;
  throw new StepFailed(failure, `${formatHostPort(address)} says ${errno}`);
}

function remoteOf({ remoteAddress: host = "?", remotePort: port = 0 }: Socket): string {
  return formatHostPort({ host, port });
}

async function openThrough(open: (signal: AbortSignal) => Promise<Duplex>, signal: AbortSignal): Promise<Duplex> {
  try {
    return await open(signal);
  } catch (error) {
    throw signal.aborted ? timedOut(undefined) : error;
  }
}

/** Of several addresses, what got furthest: a refusal says more than silence, and that more than a missing route. */
const furthestFirst = ["ECONNREFUSED", "ECONNRESET", undefined, "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"];

/** Undefined where that is silence. */
function furthestOf(runners: readonly Runner[]): string | undefined {
  const all = runners.map(({ errno }) => errno);
  const known = furthestFirst.findIndex((one) => all.includes(one));
  return known === -1 ? all[0] : furthestFirst[known];
}
