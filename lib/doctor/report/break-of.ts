import type { ProbeReport } from "#lib/protocol.ts";
import { traitsOf } from "../verdicts.ts";
import type { FaultPlace } from "../verdicts/traits.ts";
import type { HopKind } from "./hops.ts";

/** In a hop, or on the link that leads to it. */
export type Place = { readonly is: "hop" | "link"; readonly hop: HopKind };

export function isThroughProxy({ to }: ProbeReport): boolean {
  return to === "proxy";
}

/** Up to the login a proxy answers by itself; behind it, only together with the database. */
export function isBehindLogin({ name }: ProbeReport): boolean {
  return behindLogin.has(name);
}

const behindLogin: ReadonlySet<string> = new Set(["ready", "query", "download", "upload", "parallel", "hold"]);

/**
 * Where a way is broken whose step `probe` failed, and of which the verdict is `code`.
 *
 * Most steps say it themselves. A transport that did not come up says it by its reason, and a step behind TCP fails in the
 * database unless the verdict is one of the path's, or another vantage finds the database well.
 */
export function breakOf(probe: ProbeReport, code: string, isDatabaseWell: boolean): Place {
  const place = traitsOf(code)?.place ?? "either";
  if (isThroughProxy(probe)) return inProxy(probe, place);
  switch (probe.name) {
    case "login":
    case "stage":
      return here;
    case "secret":
    case "inspect":
      return { is: "hop", hop: "function" };
    case "transport":
      return ofReason(place) ?? { is: "link", hop: "gateway" };
    case "dns":
    case "tcp":
      return toDatabase;
    default:
      return ofReason(place) ?? behindTcp(place, isDatabaseWell);
  }
}

function inProxy(probe: ProbeReport, place: FaultPlace): Place {
  if (probe.name === "dns" || probe.name === "tcp") return { is: "link", hop: "proxy" };
  return isBehindLogin(probe) && place !== "proxy" ? toDatabase : { is: "hop", hop: "proxy" };
}

const toDatabase: Place = { is: "link", hop: "database" };
const inDatabase: Place = { is: "hop", hop: "database" };
const here: Place = { is: "hop", hop: "here" };

/** What a transport or the control plane say, whichever step it was that failed. */
function ofReason(place: FaultPlace): Place | undefined {
  switch (place) {
    case "here":
    case "gateway":
    case "bastion":
      return { is: "hop", hop: place };
    case "to-gateway":
      return { is: "link", hop: "gateway" };
    case "to-bastion":
      return { is: "link", hop: "bastion" };
    case "to-database":
      return toDatabase;
    case "path":
    case "server":
    case "either":
    case "proxy":
      return undefined;
    default:
      return place satisfies never;
  }
}

function behindTcp(place: FaultPlace, isDatabaseWell: boolean): Place {
  if (place === "path") return toDatabase;
  if (place === "server") return inDatabase;
  return isDatabaseWell ? toDatabase : inDatabase;
}
