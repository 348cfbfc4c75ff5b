import type { DoctorReport, ProbeReport } from "#lib/protocol.ts";
import { breakOf, isBehindLogin, isThroughProxy, type Place } from "./break-of.ts";
import { type HopFacts, hopsFromHere, hopsFromInside } from "./hops.ts";
import type { ReportTarget } from "./target.ts";

/** `unknown`: nothing was seen of it, for what is before it broke, or it was not asked. */
export type PartState = "passed" | "warned" | "broken" | "unknown";

export type Hop = HopFacts & { readonly state: PartState };

/** From one hop to the next. */
export type Link = { readonly state: PartState; readonly labels: readonly string[] };

/** A way to the database from one vantage: `links[n]` leads from `hops[n]` to `hops[n + 1]`. */
export type Way = {
  readonly vantage: "here" | "vpc";
  readonly hops: readonly Hop[];
  readonly links: readonly Link[];
};

/**
 * The ways that a report tells of, hop by hop, with where each is broken. Pure.
 *
 * 1. The hops come from the target: what is behind a port of `--url` is not known, and not drawn.
 * 2. Hops and links are one row, hop, link, hop …; each step that passed proves everything up to its place in it.
 * 3. The step that failed, and for what may lie on either side the verdict's code, say where it is broken (`break-of.ts`).
 */
export function pathsOf({ probes, verdict }: DoctorReport, target: ReportTarget): readonly Way[] {
  const of = (vantage: Way["vantage"]) => probes.filter((probe) => probe.vantage === vantage);
  const here = of("here");
  const route = here.find(({ name }) => name === "transport")?.detail ?? "";
  const [direct, throughProxy] = [of("vpc").filter(({ to }) => to !== "proxy"), of("vpc").filter(isThroughProxy)];
  const isWellInside = direct.length > 0 && direct.every(({ ok }) => ok);
  const fromHere = wayOf("here", hopsFromHere(target, route), here, verdict.code, isWellInside);
  if (!target.isStage) return [fromHere];
  const ways = target.transport === undefined ? [] : [fromHere];
  ways.push(wayOf("vpc", hopsFromInside(target, false), direct, verdict.code));
  if (throughProxy.length > 0) {
    ways.push(wayOf("vpc", hopsFromInside(target, true), throughProxy, verdict.code, isWellInside));
  }
  return ways;
}

function wayOf(
  vantage: Way["vantage"],
  facts: readonly HopFacts[],
  probes: readonly ProbeReport[],
  code: string,
  isDatabaseWell = false,
): Way {
  const last = (facts.length - 1) * 2;
  const failed = probes.find(({ ok }) => !ok);
  const brokenAt = failed === undefined ? undefined : placeOf(breakOf(failed, code, isDatabaseWell), facts);
  const proven = Math.max(
    -1,
    ...probes.filter(({ ok }) => ok).map((probe) => provenBy(probe, last)),
    // Where it broke, somebody had come so far; but a login that is missing proves nothing.
    brokenAt === undefined || brokenAt === 0 ? -1 : brokenAt - 1,
  );
  const warned = new Set(
    probes.filter(({ ok, warning }) => ok && warning !== undefined).map((probe) => provenBy(probe, last)),
  );
  const stateAt = (place: number): PartState => {
    if (place === brokenAt) return "broken";
    if (warned.has(place)) return "warned";
    return place <= proven ? "passed" : "unknown";
  };
  return {
    vantage,
    hops: facts.map((hop, index) => ({ ...hop, state: stateAt(index * 2) })),
    links: facts.slice(1).map((_, index) => ({
      state: stateAt(index * 2 + 1),
      labels: labelsOf(index, facts.length - 1, probes, failed),
    })),
  };
}

/** Up to where a step that passed proves the way; `last`: the place of the database. A proxy answers for itself until the login. */
function provenBy(probe: ProbeReport, last: number): number {
  switch (probe.name) {
    case "login":
    case "secret":
    case "inspect":
    case "stage":
    case "dns":
      return 0;
    case "transport":
      return last - 2;
    default: {
      const end = isThroughProxy(probe) && !isBehindLogin(probe) ? last - 2 : last;
      // A connection is the way to something; what that is, it has still to say.
      return probe.name === "tcp" ? end - 1 : end;
    }
  }
}

/** Its number in the row; what is not drawn is seen as the link that leads to the next that is. */
function placeOf({ is, hop }: Place, hops: readonly HopFacts[]): number {
  const index = hops.findIndex(({ kind }) => kind === hop);
  if (index === -1) return 1;
  return is === "hop" ? index * 2 : index * 2 - 1;
}

/** The times that say most of a link: to the gateway all of the transport's, to the database of a packet and of a query. */
function labelsOf(
  index: number,
  count: number,
  probes: readonly ProbeReport[],
  failed: ProbeReport | undefined,
): readonly string[] {
  const isLast = index === count - 1;
  const own = (probe: ProbeReport) => {
    if (isThroughProxy(probe)) return isLast === isBehindLogin(probe);
    return isLast ? !beforeTheLast.has(probe.name) : index === 0 && probe.name === "transport";
  };
  if (failed !== undefined && own(failed)) return [failed.name, `${failed.ms} ms`];
  const told = probes.filter((probe) => probe.ok && own(probe) && shown.has(probe.name));
  return told.map(({ name, ms }) => (name === "transport" ? `${ms} ms` : `${name} ${ms} ms`));
}

const shown: ReadonlySet<string> = new Set(["transport", "tcp", "query"]);

/** Steps that are not of the link to the database. */
const beforeTheLast: ReadonlySet<string> = new Set(["transport", "login", "secret", "inspect", "stage"]);
