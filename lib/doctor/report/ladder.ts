import type { DoctorReport, ProbeReport } from "#lib/protocol.ts";
import { isThroughProxy } from "./break-of.ts";
import type { Way } from "./path.ts";

export type Ladder = {
  /** Whose steps these are. */
  readonly name: string;
  readonly steps: readonly ProbeReport[];
  /** What they lead through; absent for AWS's control plane, which is asked and not walked to. */
  readonly way?: Way;
};

const vantageNames: Readonly<Record<ProbeReport["vantage"], string>> = {
  here: "From here",
  vpc: "From inside the VPC",
  aws: "By AWS's control plane",
};

/** The steps by vantage, in the order in which they were taken; those through the proxy by themselves. */
export function laddersOf({ probes }: DoctorReport, ways: readonly Way[]): readonly Ladder[] {
  const groups = Map.groupBy(probes, (probe) => `${probe.vantage}${isThroughProxy(probe) ? " proxy" : ""}`);
  return Array.from(groups.values(), (steps) => {
    const [first] = steps;
    if (first === undefined) throw new TypeError("a group of nothing");
    const leadsThroughProxy = isThroughProxy(first);
    const way = ways.find(
      ({ vantage, hops }) =>
        vantage === first.vantage && hops.some(({ kind }) => kind === "proxy") === leadsThroughProxy,
    );
    const name = `${vantageNames[first.vantage]}${leadsThroughProxy ? ", through the proxy" : ""}`;
    return { name, steps, ...(way === undefined ? {} : { way }) };
  });
}

/** How a step went. */
export function stateOf({ ok, warning }: ProbeReport): "passed" | "warned" | "broken" {
  if (!ok) return "broken";
  return warning === undefined ? "passed" : "warned";
}

/** What a warning says beside the step's own text: a question that was not asked has one text for both. */
export function warningBeside({ detail, warning }: ProbeReport): string | undefined {
  return warning === detail ? undefined : warning;
}
