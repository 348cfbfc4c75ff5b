import type { Manifest } from "#lib/contract.ts";
import type { ControlPlaneFacts, ProxyFacts } from "#lib/control-plane/read-control-plane.ts";
import type { GroupRule, SecurityGroup } from "#lib/control-plane/security-groups.ts";
import { known, manifest as manifestWithoutProxy, networkFacts } from "./network-facts.ts";

export const manifest: Manifest = {
  ...manifestWithoutProxy,
  proxy: { host: "proxy.internal", port: 5432, name: "postern-dev" },
  secrets: { app: "postern/dev/app", health: "postern/dev/health" },
};

export function onPort(port: number, ...groupIds: string[]): GroupRule {
  return { protocol: "tcp", ports: { from: port, to: port }, groupIds, hasRanges: false };
}

const https: GroupRule = { protocol: "tcp", ports: { from: 443, to: 443 }, groupIds: [], hasRanges: true };
const anything: GroupRule = { protocol: "-1", groupIds: [], hasRanges: true };

/** As infra declares them. */
export const groups: readonly SecurityGroup[] = [
  { id: "sg-nat", name: "nat", part: "network", ingress: [anything], egress: [anything] },
  {
    id: "sg-db",
    name: "database",
    part: "database",
    ingress: [onPort(5432, "sg-nat"), onPort(5432, "sg-runner"), onPort(5432, "sg-inspect"), onPort(5432, "sg-proxy")],
    egress: [],
  },
  {
    id: "sg-proxy",
    name: "proxy",
    part: "database",
    ingress: [onPort(5432, "sg-health"), onPort(5432, "sg-inspect")],
    egress: [onPort(5432, "sg-db")],
  },
  { id: "sg-runner", name: "runner", part: "runner", ingress: [], egress: [onPort(5432, "sg-db"), https] },
  {
    id: "sg-inspect",
    name: "inspect",
    part: "inspect",
    ingress: [],
    egress: [onPort(5432, "sg-db", "sg-proxy"), https],
  },
  { id: "sg-health", name: "health", part: "health", ingress: [], egress: [onPort(5432, "sg-proxy"), https] },
];

const proxy: ProxyFacts = {
  itself: known({ status: "available", groupIds: ["sg-proxy"] }),
  targets: known([{ id: "postern-dev", state: "AVAILABLE" }]),
  secrets: [
    { owner: "app", state: known("there") },
    { owner: "health", state: known("there") },
  ],
};

/** A stage that is well but for what the test changes. */
export function controlPlaneFacts(
  changes: Partial<Omit<ControlPlaneFacts, "proxy">> & { readonly proxy?: Partial<ProxyFacts> } = {},
): ControlPlaneFacts {
  return {
    identity: known({ name: "user/alice" }),
    network: networkFacts(),
    groups: known(groups),
    database: known({
      status: "available",
      groupIds: ["sg-db"],
      authority: "rds-ca-rsa2048-g1",
      certificateEndsAt: new Date("2027-06-01T00:00:00Z"),
    }),
    events: known([]),
    ...changes,
    proxy: { ...proxy, ...changes.proxy },
  };
}
