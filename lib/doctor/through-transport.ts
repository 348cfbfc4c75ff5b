import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { toPosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { DoctorReport, ProbeReport } from "#lib/protocol.ts";
import type { Transport } from "#lib/tunnel/transport.ts";
import { examine } from "./examine.ts";

export type ThroughOptions = {
  readonly transport: Transport;
  /** Where the database is, with a login; fails where that cannot be read. */
  readonly readAddress: () => Promise<DatabaseAddress>;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
  /** A step begins: for whoever watches. */
  readonly onStep?: (name: string) => void;
};

const connectMs = 15_000;

/**
 * The walk through a stage's transport:
 *
 * 1. Connects. The transport's own reason, where it has one, is the verdict: nothing behind it was reached.
 * 2. Reads the login. Why it cannot be had is the verdict then: AWS said so, and the database was not asked.
 * 3. Walks. Nothing is left open.
 */
export async function examineThrough(options: ThroughOptions): Promise<DoctorReport> {
  const { transport, readAddress, clock = systemClock, signal, onStep = () => {} } = options;
  const startMs = clock.nowMs();
  const probes: ProbeReport[] = [];
  let name = "transport";
  const add = (ok: boolean, detail: string) => {
    probes.push({ name, vantage: "here", ok, ms: elapsedMs(clock, startMs), detail });
  };
  try {
    onStep(name);
    await using link = await transport.connect(AbortSignal.any([signal, AbortSignal.timeout(connectMs)]));
    add(true, transport.route);
    name = "login";
    onStep(name);
    const address = await readAddress();
    add(true, `as ${address.user}`);
    const report = await examine({ address, open: async (stop) => link.openStream(stop), clock, signal, onStep });
    return { ...report, probes: [...probes, ...report.probes], ms: elapsedMs(clock, startMs) };
  } catch (error) {
    signal.throwIfAborted();
    const { code, message, hint } = toPosternError(error);
    const isLate = code === "aborted";
    const summary = isLate ? `No connection within ${connectMs / 1000} s: ${transport.route}.` : message;
    add(false, summary);
    const verdict = { code: isLate ? "tcp.timeout" : code, summary, fix: hint ?? "See the message." };
    return { verdict: { ...verdict, evidence: `${name}: ${summary}` }, probes, ms: elapsedMs(clock, startMs) };
  }
}
