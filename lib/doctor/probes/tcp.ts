import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Clock, elapsedMs } from "#lib/base/clock.ts";
import { formatHostPort } from "#lib/base/host-port.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { timedOut } from "../conversation.ts";
import { StepFailed } from "../evidence.ts";

export type OpenOptions = {
  readonly address: DatabaseAddress;
  readonly addresses: readonly string[];
  readonly open: ((signal: AbortSignal) => Promise<Duplex>) | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/** Addresses of both families are raced as browsers do it (RFC 8305). */
export async function openConnection(
  options: OpenOptions,
): Promise<{ readonly detail: string; readonly found: Duplex }> {
  const { address, addresses, open, clock, signal } = options;
  const startMs = clock.nowMs();
  // A transport's own reason is thrown as it is: nothing behind it was reached.
  if (open !== undefined) return { detail: "through the tunnel's transport", found: await openThrough(open, signal) };
  const families = addresses.map((one) => ({ address: one, family: one.includes(":") ? 6 : 4 }));
  const socket = connect({
    host: address.host,
    port: address.port,
    noDelay: true,
    autoSelectFamily: true,
    lookup: (_, __, done) => done(null, families),
  });
  try {
    await once(socket, "connect", { signal });
    return { detail: `connected to ${remoteOf(socket)}`, found: socket };
  } catch (error) {
    socket.destroy();
    if (signal.aborted) throw timedOut(undefined);
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    const failure = { kind: "errno", errno, ms: elapsedMs(clock, startMs) } as const;
    throw new StepFailed(failure, `${formatHostPort(address)} says ${errno}`);
  }
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

/** Of several addresses, what got furthest: a refusal says more than a missing route. */
const furthestFirst = ["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"];

function errnoOf(error: unknown): string | undefined {
  if (error instanceof AggregateError) {
    const all = error.errors.map(errnoOf).filter((one) => one !== undefined);
    return furthestFirst.find((one) => all.includes(one)) ?? all[0];
  }
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
