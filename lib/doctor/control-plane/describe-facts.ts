import type { Manifest } from "#lib/contract.ts";
import type { DatabaseInstance } from "#lib/control-plane/database.ts";
import type { Fact } from "#lib/control-plane/fact.ts";
import { defaultRouteOf, tableOf } from "#lib/control-plane/network/expected.ts";
import type { StageRouteTable } from "#lib/control-plane/network/route-tables.ts";
import type { ControlPlaneFacts } from "#lib/control-plane/read-control-plane.ts";
import { endsSoon } from "../certificate-end.ts";
import { downInstances, warnOfAddresses, warnOfAgents, warnOfRoutes } from "./followers.ts";
import type { AwsProbe, AwsProbeName } from "./finding.ts";

type Said = { readonly detail: string; readonly warning?: string };

/** What AWS said, a probe for each question. Pure. What was not said is a note, and no fault of the stage's. */
export function describeFacts(manifest: Manifest, facts: ControlPlaneFacts, now: Date): readonly AwsProbe[] {
  const { identity, network, groups, database, events, proxy } = facts;
  const down = downInstances(manifest, network.instances);
  return [
    probe("identity", identity, ({ name }) => `as ${name}`),
    probe("instances", network.instances, (all) =>
      list(all.map(({ id, state, publicIp }) => `${id} ${state}${publicIp === undefined ? "" : ` at ${publicIp}`}`)),
    ),
    probe("addresses", network.addresses, (all) =>
      said(
        list(all.map((one) => `${one.publicIp} at ${one.instanceId ?? one.networkInterfaceId ?? "nothing"}`)),
        warnOfAddresses(all, down),
      ),
    ),
    probe("routes", network.routeTables, (tables) => describeRoutes(manifest, tables, down)),
    probe("security-groups", groups, (all) => list(all.map(({ id, name }) => `${id} (${name})`))),
    probe("agents", network.agents, (all) =>
      said(list(all.map((one) => `${one.instanceId} ${one.pingStatus}`)), warnOfAgents(all, down)),
    ),
    probe("database", database, (one) => describeInstance(manifest, one, now)),
    probe("events", events, (all) => {
      const [newest] = all;
      return newest === undefined ? "none in the last hour" : `${newest.at.toISOString()}: ${newest.message}`;
    }),
    ...(proxy === undefined
      ? []
      : [
          probe("proxy", proxy.itself, (one) => one?.status ?? "there is none"),
          probe("proxy-target", proxy.targets, (all) => list(all.map(({ id, state }) => `${id} ${state}`))),
          ...proxy.secrets.map(({ owner, state }) => probe("proxy-secrets", state, (one) => `${owner}: ${one}`)),
        ]),
  ];
}

function probe<Value>(name: AwsProbeName, fact: Fact<Value>, describe: (value: Value) => string | Said): AwsProbe {
  const common = { name, vantage: "aws", ok: true, ms: fact.ms } as const;
  if (fact.kind === "unknown") {
    const text = `not looked at: ${fact.because}`;
    return { ...common, warning: text, detail: text };
  }
  const found = describe(fact.value);
  return { ...common, ...(typeof found === "string" ? { detail: found } : found) };
}

function describeRoutes({ network }: Manifest, tables: readonly StageRouteTable[], down: ReadonlySet<string>): Said {
  const wanted =
    network === undefined
      ? tables
      : network.privateSubnets.map((id) => tableOf(id, tables)).filter((table) => table !== undefined);
  const routes = new Map(wanted.map((table) => [table.id, defaultRouteOf(table)]));
  const texts = Array.from(
    routes,
    ([id, out]) => `${id} to ${out === undefined ? "nothing" : (out.instanceId ?? out.target)}`,
  );
  return said(list(texts), warnOfRoutes(routes, down));
}

/** Its status; and that a status is unusual, or its certificate ends soon, is worth a word before it is trouble. */
function describeInstance({ database }: Manifest, one: DatabaseInstance | undefined, now: Date): string | Said {
  if (one === undefined) return `there is no instance ${database.instanceId}`;
  const { status, authority, certificateEndsAt } = one;
  const until = certificateEndsAt?.toISOString().slice(0, 10);
  const certificate =
    until === undefined ? "" : `, certificate of ${authority ?? "an unknown authority"} until ${until}`;
  const warnings = [
    ...(status === "available" ? [] : [`the instance is ${status}`]),
    ...(certificateEndsAt !== undefined && endsSoon(certificateEndsAt, now)
      ? [`its certificate ends on ${until}: rotate it in RDS`]
      : []),
  ];
  return said(`${status}${certificate}`, warnings.length === 0 ? undefined : warnings.join("; "));
}

function said(detail: string, warning: string | undefined): Said {
  return warning === undefined ? { detail } : { detail, warning };
}

function list(texts: readonly string[]): string {
  return texts.length === 0 ? "none" : texts.join(", ");
}
