import { formatHostPort } from "#lib/base/host-port.ts";
import type { ReportTarget } from "./target.ts";

export type HopKind = "here" | "function" | "gateway" | "bastion" | "proxy" | "database";

export type HopFacts = {
  readonly kind: HopKind;
  readonly name: string;
  /** Which one; "" where there is but one. */
  readonly detail: string;
};

const here: HopFacts = { kind: "here", name: "this machine", detail: "" };

/** As EC2 gives them, or masked. */
const instanceId = /\bm?i-(?:[0-9a-f]{8,17}|…[0-9a-f]{4})(?![0-9a-f])/u;

/** From here; `route`: the transport's own words for where it goes. */
export function hopsFromHere(target: ReportTarget, route: string): readonly HopFacts[] {
  switch (target.transport) {
    case undefined:
    case "direct":
      return [here, databaseOf(target)];
    case "ssh":
      return [
        here,
        { kind: "bastion", name: "SSH server", detail: /through (\S+)$/u.exec(route)?.[1] ?? "" },
        databaseOf(target),
      ];
    case "ssm":
      return [
        here,
        { kind: "gateway", name: "Session Manager", detail: target.region ?? "" },
        { kind: "bastion", name: "bastion", detail: instanceId.exec(route)?.[0] ?? "" },
        databaseOf(target),
      ];
    default:
      return target.transport satisfies never;
  }
}

/** From the stage's function; through its proxy, where that was examined. */
export function hopsFromInside(target: ReportTarget, isThroughProxy: boolean): readonly HopFacts[] {
  const start: HopFacts = { kind: "function", name: "inspect function", detail: "inside the VPC" };
  const proxy: HopFacts = { kind: "proxy", name: "RDS Proxy", detail: target.proxyHost ?? "" };
  return [start, ...(isThroughProxy ? [proxy] : []), databaseOf(target)];
}

function databaseOf({ host, port, isStage }: ReportTarget): HopFacts {
  const detail = host === undefined || port === undefined ? "" : formatHostPort({ host, port });
  return { kind: "database", name: isStage ? "database" : "PostgreSQL", detail };
}
