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
export async function readSocketFacts({ localPort, remotePort }: Socket): Promise<SocketFacts | undefined> {
  if (localPort === undefined || remotePort === undefined) return undefined;
  try {
    const filter = ["sport", "=", `:${localPort}`, "and", "dport", "=", `:${remotePort}`];
    const { stdout } = await run("ss", ["-tinH", ...filter], { timeout: capMs });
    return parseSocketFacts(stdout);
  } catch {
    // No ss, or one that does not answer: the judgement has to do without.
    return undefined;
  }
}

/** Undefined where the text tells of no connection. */
export function parseSocketFacts(text: string): SocketFacts | undefined {
  if (!/\bmss:\d/.test(text)) return undefined;
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
  const sent = number(/\bbytes_sent:(\d+)/);
  const retransmittedBytes = number(/\bbytes_retrans:(\d+)/);
  const acked = number(/\bbytes_acked:(\d+)/);
  return {
    retransmits: number(/\bretrans:\d+\/(\d+)/),
    hasOutOfOrder: number(/\brcv_ooopack:(\d+)/) > 0,
    ackedBytes: acked,
    unackedBytes: Math.max(0, sent - retransmittedBytes - acked),
  };
}
