import type { Manifest } from "#lib/contract.ts";
import { valueOf } from "#lib/control-plane/fact.ts";
import type { ControlPlaneFacts } from "#lib/control-plane/read-control-plane.ts";
import type { GroupRule, SecurityGroup } from "#lib/control-plane/security-groups.ts";
import type { Broken, Finding } from "./finding.ts";

const httpsPort = 443;

/** Who needs to connect to what, as the stage is built. */
type Path = {
  /** For people: `the bastion`. */
  readonly who: string;
  readonly from: readonly SecurityGroup[];
  readonly to: readonly SecurityGroup[];
  readonly what: "the database" | "the proxy";
  readonly port: number;
  readonly breaks: Broken;
};

/**
 * Whether security groups let the parts of a stage connect. Pure. Where a rule names ranges or prefix lists it is taken to let
 * in: one does not see here who has which address, and nobody is accused of what cannot be seen.
 *
 * 1. Each part to the database or proxy: out of one of its groups, and into one of the other's.
 * 2. Each of them to HTTPS: out of one of its groups.
 */
export function judgeGroups(manifest: Manifest, facts: ControlPlaneFacts): readonly Finding[] {
  const groups = valueOf(facts.groups);
  if (groups === undefined) return [];
  const withId = (ids: readonly string[]) => groups.filter(({ id }) => ids.includes(id));
  const ofPart = (part: string) => groups.filter((group) => group.part === part);
  const bastions = (valueOf(facts.network.instances) ?? []).filter(({ id }) => manifest.bastions.includes(id));
  const bastion = withId(bastions.flatMap(({ groupIds }) => groupIds));
  const database = withId(valueOf(facts.database)?.groupIds ?? []);
  const proxy = withId(valueOf(facts.proxy?.itself)?.groupIds ?? []);

  const toDatabase = { to: database, what: "the database", port: manifest.database.port } as const;
  const paths: Path[] = [
    { ...toDatabase, who: "the bastion", from: bastion, breaks: "bastion-to-database" },
    { ...toDatabase, who: "the inspect function", from: ofPart("inspect"), breaks: "inspect-to-database" },
    { ...toDatabase, who: "the runner", from: ofPart("runner"), breaks: "others-to-database" },
  ];
  if (manifest.proxy !== undefined) {
    paths.push({ ...toDatabase, who: "the proxy", from: proxy, breaks: "proxy" });
    const toProxy = { to: proxy, what: "the proxy", port: manifest.proxy.port } as const;
    const inspect = {
      ...toProxy,
      who: "the inspect function",
      from: ofPart("inspect"),
      breaks: "inspect-to-proxy",
    } as const;
    // Where neither side knows the other, the stage is of a deploy in which inspect does not look at the proxy.
    if (isMeant(inspect)) paths.push(inspect);
    // Health goes through the proxy or past it, as its settings say: one of the two is enough.
    const health = { ...toProxy, who: "the health function", from: ofPart("health"), breaks: "proxy" } as const;
    if (!isOpen({ ...health, ...toDatabase })) paths.push(health);
  }
  const reach = paths.filter((path) => path.from.length > 0 && path.to.length > 0).flatMap(judgePath);
  const wayOut = [
    ...judgeWayOut("the bastion", bastion, "tunnel"),
    ...(["inspect", "runner", "health"] as const).flatMap((part) =>
      judgeWayOut(`the ${part} function`, ofPart(part), "way-out"),
    ),
  ];
  return [...reach, ...wayOut];
}

function isOpen(path: Path): boolean {
  return path.from.length > 0 && path.to.length > 0 && judgePath(path).length === 0;
}

function isMeant({ from, to }: Path): boolean {
  return from.some(({ egress }) => name(egress, to)) || to.some(({ ingress }) => name(ingress, from));
}

function name(rules: readonly GroupRule[], others: readonly SecurityGroup[]): boolean {
  return rules.some(({ groupIds }) => others.some(({ id }) => groupIds.includes(id)));
}

function judgePath({ who, from, to, what, port, breaks }: Path): Finding[] {
  const out = from.some(({ egress }) => egress.some((rule) => lets(rule, port, to)));
  const into = to.some(({ ingress }) => ingress.some((rule) => lets(rule, port, from)));
  if (out && into) return [];
  const missing = into
    ? `${describe(from)} lets nothing out to ${describe(to)}`
    : `${describe(to)} lets nothing in from ${describe(from)}`;
  return [
    {
      code: "aws.security-group",
      probe: "security-groups",
      evidence: `${who} cannot connect to ${what}: ${missing} on tcp ${port}`,
      fix: `Let ${idsOf(from)} in at ${idsOf(to)} on tcp ${port}, and out to it; or refresh and deploy the stage.`,
      breaks: [breaks],
    },
  ];
}

function judgeWayOut(who: string, from: readonly SecurityGroup[], breaks: Broken): Finding[] {
  if (from.length === 0 || from.some(({ egress }) => egress.some((rule) => lets(rule, httpsPort)))) return [];
  return [
    {
      code: "aws.security-group",
      probe: "security-groups",
      evidence: `${who} reaches no API of AWS: ${describe(from)} lets nothing out on tcp ${httpsPort}`,
      fix: `Let ${idsOf(from)} out to 0.0.0.0/0 on tcp ${httpsPort}; or refresh and deploy the stage.`,
      breaks: [breaks],
    },
  ];
}

/** Without `others` whoever the rule names is meant. */
function lets({ protocol, ports, groupIds, hasRanges }: GroupRule, port: number, others?: readonly SecurityGroup[]) {
  const isTcp = protocol === "-1" || protocol === "tcp" || protocol === "6";
  const isOnPort = protocol === "-1" || ports === undefined || (ports.from <= port && port <= ports.to);
  const isNamed = others === undefined || others.some(({ id }) => groupIds.includes(id));
  return isTcp && isOnPort && (hasRanges || isNamed);
}

function describe(groups: readonly SecurityGroup[]): string {
  return groups.map((group) => `${group.id} (${group.name})`).join(", ");
}

function idsOf(groups: readonly SecurityGroup[]): string {
  return groups.map(({ id }) => id).join(", ");
}
