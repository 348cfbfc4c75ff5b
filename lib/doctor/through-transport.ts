import { toPosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { DoctorReport, ProbeReport } from "#lib/protocol.ts";
import type { Transport } from "#lib/tunnel/transport.ts";
import { examine } from "./examine.ts";

export type ThroughOptions = {
  readonly transport: Transport;
  readonly address: DatabaseAddress;
  readonly signal: AbortSignal;
};

const connectMs = 15_000;

/**
 * The walk through a stage's transport. The transport's own reason, where it has one, is the verdict: nothing behind it was
 * reached.
 */
export async function examineThrough({ transport, address, signal }: ThroughOptions): Promise<DoctorReport> {
  const startMs = performance.now();
  const spentMs = () => Math.round(performance.now() - startMs);
  const probe = (ok: boolean, detail: string): ProbeReport => {
    return { name: "transport", vantage: "here", ok, ms: spentMs(), detail };
  };
  try {
    await using link = await transport.connect(AbortSignal.any([signal, AbortSignal.timeout(connectMs)]));
    const first = probe(true, transport.route);
    const report = await examine({ address, open: async (stop) => link.openStream(stop), signal });
    return { ...report, probes: [first, ...report.probes], ms: spentMs() };
  } catch (error) {
    signal.throwIfAborted();
    const { code, message, hint } = toPosternError(error);
    const isLate = code === "aborted";
    const summary = isLate ? `No connection within ${connectMs / 1000} s: ${transport.route}.` : message;
    return {
      verdict: {
        code: isLate ? "tcp.timeout" : code,
        summary,
        fix: hint ?? "See the message.",
        evidence: `transport: ${summary}`,
      },
      probes: [probe(false, summary)],
      ms: spentMs(),
    };
  }
}
