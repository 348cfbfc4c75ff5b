import { startDelayingProxy } from "../../../support/faults/delaying-proxy.ts";
import type { SeededRandom } from "../../../support/seeded-random.ts";
import { between, type LabFault } from "../fault.ts";
import { certificateFaults } from "./certificates.ts";
import { packets } from "./kernel.ts";
import { poolerFaults } from "./pooler.ts";
import { roleFaults } from "./roles.ts";

/** Ways on which nothing is broken, of every kind that the faults are made of: none of them may be accused. */
export const healthyEndpoints: readonly LabFault[] = [
  {
    name: "PostgreSQL itself",
    expected: ["ok"],
    open: async ({ address }) => ({ address, [Symbol.asyncDispose]: async () => {} }),
  },
  far("a round trip of 50 to 300 ms", (random) => {
    const upMs = between(random, 25, 150);
    return { upMs, downMs: upMs };
  }),
  far("answers that take 400 ms", () => ({ upMs: 0, downMs: 400 })),
  packets("a small MTU that both sides know", ["ok"], undefined, (random, port) => {
    const bytes = between(random, 576, 1400);
    const segment = bytes - headerBytes;
    return {
      up: [
        `tcp dport ${port} tcp flags syn tcp option maxseg size set ${segment}`,
        `tcp dport ${port} meta length > ${bytes} drop`,
      ],
      down: [
        `tcp sport ${port} tcp flags syn tcp option maxseg size set ${segment}`,
        `tcp sport ${port} meta length > ${bytes} drop`,
      ],
      drawn: `${bytes} bytes`,
    };
  }),
  ...[...certificateFaults, ...poolerFaults, ...roleFaults].filter(({ expected }) => expected.join() === "ok"),
  packets("packets that pass", ["ok"], undefined, () => ({})),
];

/** Of IPv4 and TCP, with the options that Linux sends. */
const headerBytes = 40;

function far(
  name: string,
  draw: (random: SeededRandom) => { readonly upMs: number; readonly downMs: number },
): LabFault {
  return {
    name: `far: ${name}`,
    expected: ["ok"],
    open: async ({ address }, random) => {
      const delays = draw(random);
      const proxy = await startDelayingProxy(address, delays);
      return {
        address: { ...address, port: proxy.port },
        drawn: `${delays.upMs} ms up, ${delays.downMs} ms down`,
        [Symbol.asyncDispose]: async () => proxy[Symbol.asyncDispose](),
      };
    },
  };
}
