import type { Message } from "#lib/ssm-protocol/message.ts";
import type { AwsError } from "../aws/aws-error.ts";
import type { Address } from "./port-forward.ts";

/** What goes wrong, for tests. Without any of it the gateway does what AWS does on a good day. */
export type GatewayFaults = {
  /** Messages from the client to the agent. */
  readonly up?: LaneFaults;
  /** Messages from the agent and the service to the client. */
  readonly down?: LaneFaults;
  /** StartSession is refused so. */
  readonly refuseStart?: AwsError;
  /** ResumeSession: `ended`, there is no token, which means that the session is over; or it is refused so. */
  readonly refuseResume?: "ended" | AwsError;
  /** The upgrade to a WebSocket is answered with this status instead. */
  readonly refuseUpgrade?: number;
  /** Sockets open, and then nothing passes in either direction, pongs included. */
  readonly blackHole?: boolean;
  /** The agents hear nothing and say nothing; their connections stay. */
  readonly silentAgent?: boolean;
  /** The port's machine does not answer: connections are neither made nor refused, and later ones wait behind them. */
  readonly hangingDial?: boolean;
  /** Takes the place of the gateway's `database`, for sessions that start from now on. */
  readonly resolve?: (host: string, port: number) => Address | undefined;
  /** Every live socket is cut again and again. */
  readonly cutEveryMs?: number;
  /** Every live socket is closed again and again, as the service does about every hour. */
  readonly closeEveryMs?: number;
};

/** Of one direction. What happens to a message is decided by `decide` first, then by chance. */
export type LaneFaults = {
  /** @param index of the message in its session and direction, resent ones counted, from 0 */
  readonly decide?: (message: Message, index: number) => Fate | undefined;
  /** Shares of the messages, between 0 and 1. */
  readonly lose?: number;
  readonly duplicate?: number;
  readonly reorder?: number;
  readonly delay?: { readonly share: number; readonly ms: number };
  /** Of the chance; the same seed gives the same fates to the same messages. Default 1. */
  readonly seed?: number;
  /** Every message takes so long; their order stays. */
  readonly latencyMs?: number;
  /** Whole messages, headers included. */
  readonly bytesPerSecond?: number;
};

/** `reorder`: the next one goes first. A delayed one does not hold up those behind it. */
export type Fate = "pass" | "lose" | "duplicate" | "reorder" | { readonly delayMs: number };

export function drawFate(faults: LaneFaults, random: () => number): Fate {
  const { lose = 0, duplicate = 0, reorder = 0, delay } = faults;
  // One draw for each, whatever comes of it: so a fate does not depend on which faults are on.
  const [forLoss, forCopy, forOrder, forDelay] = [random(), random(), random(), random()];
  if (forLoss < lose) return "lose";
  if (forCopy < duplicate) return "duplicate";
  if (forOrder < reorder) return "reorder";
  if (delay !== undefined && forDelay < delay.share) return { delayMs: delay.ms };
  return "pass";
}

/** Numbers in [0, 1) that depend on the seed alone (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = Math.trunc(seed);
  return () => {
    state = Math.trunc(state + 0x6d_2b_79_f5);
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
