import { type StepName, stepNames } from "#lib/doctor/evidence.ts";
import type { SeededRandom } from "../../support/seeded-random.ts";
import { certificateFaults } from "./catalogue/certificates.ts";
import { kernelFaults } from "./catalogue/kernel.ts";
import { poolerFaults } from "./catalogue/pooler.ts";
import { roleFaults } from "./catalogue/roles.ts";
import { serverFaults } from "./catalogue/servers.ts";
import { sessionFaults } from "./catalogue/session.ts";
import { wireFaults } from "./catalogue/wire.ts";
import type { LabFault } from "./fault.ts";

/** From here to the database: what stands before something leads to it. Of one floor only one stands. */
const floors: readonly (readonly LabFault[])[] = [
  kernelFaults,
  wireFaults,
  [...certificateFaults, ...sessionFaults],
  poolerFaults,
  [...roleFaults, ...serverFaults],
];

/** Of poolers only one that needs nothing of the server behind it can stand before a broken one. */
const needsServer: ReadonlySet<LabFault> = new Set(poolerFaults.filter(({ strikes }) => strikes !== "auth"));

/**
 * Every two faults that can be there at once. Which of them has to be named is known without the doctor: the steps of a
 * connection have an order, and whoever strikes first is seen. Two that may strike in the same step are no pair.
 */
export function allPairs(): readonly LabFault[] {
  // Some faults draw to know it.
  const ranges = new Map(floors.flat().map((fault) => [fault, rangeOf(fault)]));
  const firstOf = (one: LabFault, other: LabFault) => {
    const [own, others] = [ranges.get(one), ranges.get(other)];
    if (own === undefined || others === undefined) return undefined;
    if (own.last < others.first) return one;
    return others.last < own.first ? other : undefined;
  };
  return floors.flatMap((floor, index) => {
    const behind = floors.slice(index + 1).flat();
    const before = floor.filter((fault) => !needsServer.has(fault));
    return before.flatMap((outer) => behind.flatMap((inner) => pairOf(outer, inner, firstOf(outer, inner)) ?? []));
  });
}

/** So many different ones. */
export function drawPairs(random: SeededRandom, count: number): readonly LabFault[] {
  const pairs = [...allPairs()];
  return Array.from({ length: Math.min(count, pairs.length) }, () =>
    pairs.splice(random.below(pairs.length), 1),
  ).flat();
}

/** `first`: the one that has to be named. */
function pairOf(outer: LabFault, inner: LabFault, first: LabFault | undefined): LabFault | undefined {
  if (first === undefined) return undefined;
  // The made-up network is led to through a socket of the file system, which carries no reset.
  if (outer.needsNetwork === true && first === inner && first.expected.some((code) => code.endsWith(".reset"))) {
    return undefined;
  }
  const needsProgram = outer.needsProgram ?? inner.needsProgram;
  return {
    name: `${outer.name} × ${inner.name}`,
    expected: first.expected,
    ...(outer.needsNetwork === true ? { needsNetwork: true } : {}),
    ...(needsProgram === undefined ? {} : { needsProgram }),
    open: async (world, random) => {
      await using stack = new AsyncDisposableStack();
      const behind = stack.use(await inner.open(world, random));
      const before = stack.use(await outer.open({ ...world, address: behind.address }, random));
      const opened = stack.move();
      const holdMs = before.holdMs ?? behind.holdMs;
      return {
        address: before.address,
        drawn: `${before.drawn ?? ""}; ${behind.drawn ?? ""}`,
        ...(holdMs === undefined ? {} : { holdMs }),
        ...(before.examine === undefined ? {} : { examine: before.examine }),
        [Symbol.asyncDispose]: async () => opened.disposeAsync(),
      };
    },
  };
}

function rangeOf({ strikes }: LabFault): { readonly first: number; readonly last: number } | undefined {
  if (strikes === undefined) return undefined;
  const [first, last] = typeof strikes === "string" ? [strikes, strikes] : strikes;
  return { first: placeOf(first), last: placeOf(last) };
}

function placeOf(step: StepName): number {
  return stepNames.indexOf(step);
}
