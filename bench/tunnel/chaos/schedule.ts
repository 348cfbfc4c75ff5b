import { createRandom, type GatewayFaults } from "#lib/local/gateway/faults.ts";

/**
 * Gone at once:
 * - `close`: the gateway closes the sockets, as it does about every hour. `cut`: they are reset
 * - `kill-agents`: the agents are gone, and nobody says so
 * - `end-session`: an administrator ends the session
 *
 * For a while:
 * - `forget-session`: the socket is cut, and the session cannot be resumed
 * - `lose`, `duplicate`, `reorder`, `delay`: a fifth of the messages, in both directions; `storm`: all of it, and cuts
 * - `pause`: the service says that the other side is away
 * - `black-hole`: nothing passes. `silent-agent`: nothing comes from the agents
 */
export const faultKinds = [
  "close",
  "cut",
  "kill-agents",
  "end-session",
  "forget-session",
  "lose",
  "duplicate",
  "reorder",
  "delay",
  "storm",
  "pause",
  "black-hole",
  "silent-agent",
] as const;

export type FaultKind = (typeof faultKinds)[number];

export type ScheduledFault = {
  readonly kind: FaultKind;
  /** Of what is not gone at once. */
  readonly ms: number;
  /** Of calm before it. */
  readonly calmMs: number;
  /** For the chance of each message. */
  readonly seed: number;
};

const share = 0.2;
const least = { ms: 300, calmMs: 100 } as const;
const most = { ms: 1_500, calmMs: 500 } as const;

/** Without an end: every kind once in each round, in another order each time. The same seed gives the same schedule. */
export function* schedule(seed: number): Generator<ScheduledFault, never> {
  const random = createRandom(seed);
  const between = (name: "ms" | "calmMs") => Math.round(least[name] + random() * (most[name] - least[name]));
  for (;;) {
    for (const kind of shuffled(faultKinds, random)) {
      yield { kind, ms: between("ms"), calmMs: between("calmMs"), seed: 1 + Math.floor(random() * 2 ** 30) };
    }
  }
}

/** What the gateway is told; undefined for what is no state of it. */
export function gatewayFaults({ kind, seed }: ScheduledFault): GatewayFaults | undefined {
  const lanes = (faults: NonNullable<GatewayFaults["up"]>) => ({ up: { ...faults, seed }, down: { ...faults, seed } });
  switch (kind) {
    case "lose":
      return lanes({ lose: share });
    case "duplicate":
      return lanes({ duplicate: share });
    case "reorder":
      return lanes({ reorder: share });
    case "delay":
      return lanes({ delay: { share, ms: 50 } });
    case "storm":
      return {
        ...lanes({ lose: share / 2, duplicate: share, reorder: share, delay: { share, ms: 20 } }),
        cutEveryMs: 250,
      };
    case "black-hole":
      return { blackHole: true };
    case "silent-agent":
      return { silentAgent: true };
    case "forget-session":
      return { refuseResume: "ended" };
    case "close":
    case "cut":
    case "kill-agents":
    case "end-session":
    case "pause":
      return undefined;
    default:
      return kind satisfies never;
  }
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, place: random() }))
    .toSorted((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
