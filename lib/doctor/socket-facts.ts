import { execFile } from "node:child_process";
import type { Socket } from "node:net";
import { promisify } from "node:util";
import type { SocketFacts } from "./evidence.ts";

const run = promisify(execFile);
const capMs = 300;

/**
 * What Linux knows of a TCP connection (`ss -tin`, of iproute2): what was sent again, what came out of order, what was
 * never acknowledged. Undefined elsewhere; the judgement has to do without it then.
 *
 * @see https://man7.org/linux/man-pages/man8/ss.8.html
 */
export async function readSocketFacts(
  { localPort, remotePort }: Socket,
  sentBeforeBytes: number,
): Promise<SocketFacts | undefined> {
  if (localPort === undefined || remotePort === undefined) return undefined;
  try {
    const filter = ["sport", "=", `:${localPort}`, "and", "dport", "=", `:${remotePort}`];
    const { stdout } = await run("ss", ["-tinH", ...filter], { timeout: capMs });
    return parseSocketFacts(stdout, sentBeforeBytes);
  } catch {
    // No ss, or one that does not answer: the judgement has to do without.
    return undefined;
  }
}

/** Undefined where the text tells of no connection. `sentBeforeBytes`: before the step that failed. */
export function parseSocketFacts(text: string, sentBeforeBytes: number): SocketFacts | undefined {
  if (!/\bmss:\d/.test(text)) return undefined;
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
  const sent = number(/\bbytes_sent:(\d+)/);
  const retransmittedBytes = number(/\bbytes_retrans:(\d+)/);
  const acked = number(/\bbytes_acked:(\d+)/);
  return {
    // On a machine that is busy, the kernel sends again what was only answered late. A SYN has no bytes: it may have been
    // refused in silence.
    retransmits:
      retransmittedBytes === 0 ? 0 : Math.max(0, number(/\bretrans:\d+\/(\d+)/) - number(/\bdsack_dups:(\d+)/)),
    sentSegments: number(/\bdata_segs_out:(\d+)/),
    hasOutOfOrder: number(/\brcv_ooopack:(\d+)/) > 0,
    // The kernel counts the SYN, too.
    ackedInStepBytes: Math.max(0, acked - 1 - sentBeforeBytes),
    unackedBytes: Math.max(0, sent - retransmittedBytes - acked),
  };
}
