import type { Manifest } from "#lib/contract.ts";
import { valueOf } from "#lib/control-plane/fact.ts";
import { type AddressPair, defaultRouteOf, findPrivateTables } from "#lib/control-plane/network/expected.ts";
import { findNetworkProblems, type NetworkProblem } from "#lib/control-plane/network/problems.ts";
import type { NetworkFacts } from "#lib/control-plane/network/read-network.ts";
import type { StageRoute } from "#lib/control-plane/network/route-tables.ts";
import { redeploy } from "#lib/control-plane/redeploy.ts";
import type { Broken, Finding } from "./finding.ts";

/** A stage's network as findings, the likeliest root first. Pure. */
export function judgeNetwork(manifest: Manifest, facts: NetworkFacts): readonly Finding[] {
  const wayOut = findCarriers(manifest, facts);
  return findNetworkProblems(manifest, facts).map((problem) => toFinding(problem, manifest, wayOut));
}

type WayOut = (instanceId: string) => Broken[];

/**
 * Whether private subnets lose their way out with an instance: where their route leads to it, or to nothing that is there. Where
 * all of them go out by something else, as a NAT gateway that somebody put in its place, they do not miss it.
 */
function findCarriers(manifest: Manifest, { instances, routeTables }: NetworkFacts): WayOut {
  const tables = findPrivateTables(manifest, valueOf(instances) ?? [], valueOf(routeTables) ?? []);
  const routes = tables.map(({ table }) => defaultRouteOf(table));
  return (id) => {
    const isMissed = routes.some((route) => route === undefined || route.isBlackhole || route.instanceId === id);
    return isMissed || routes.length === 0 ? ["way-out"] : [];
  };
}

function toFinding(problem: NetworkProblem, manifest: Manifest, wayOut: WayOut): Finding {
  const consent = manifest.protected ? "--approve HASH" : "--yes";
  const repair = `Run \`postern repair-nat --stage ${manifest.stage}\`: it shows what it will do, and does it with ${consent}.`;
  const remake = `Run ${redeploy(manifest.stage)}.`;
  const tunnelOf = (instanceId: string): Broken[] => (manifest.bastions.includes(instanceId) ? ["tunnel"] : []);
  switch (problem.kind) {
    case "instance-gone": {
      const { instanceId, replacementId } = problem;
      const instead = replacementId === undefined ? "" : `; ${replacementId} has taken its place`;
      return {
        code: "aws.bastion-address-stale",
        probe: "instances",
        evidence: `the manifest names ${instanceId}, and there is no such instance any more${instead}`,
        fix: replacementId === undefined ? remake : `Deploy the stage again: its manifest will name ${replacementId}.`,
        breaks: [...tunnelOf(instanceId), ...(wasNat(manifest, instanceId) ? wayOut(instanceId) : [])],
      };
    }
    case "instance-stopped": {
      const { instanceId, state, isNat } = problem;
      return {
        code: "aws.bastion-stopped",
        probe: "instances",
        evidence: `${isNat ? "the NAT instance" : "the bastion"} ${instanceId} is ${state}, not running`,
        fix: state === "pending" ? "Wait until it runs, then run this again." : repair,
        breaks: [...tunnelOf(instanceId), ...(isNat ? wayOut(instanceId) : [])],
      };
    }
    case "address-gone":
    case "address-detached":
    case "address-elsewhere": {
      const { pair, insteadIp } = problem;
      const instead = insteadIp === undefined ? "" : `; that one gets out as ${insteadIp} instead`;
      return {
        code: "aws.bastion-address-stale",
        probe: "addresses",
        evidence: `${describeAddress(pair)} ${whereIs(problem)}, not attached to ${pair.instanceId}${instead}`,
        fix: problem.kind === "address-gone" ? remake : repair,
        breaks: insteadIp === undefined ? [...tunnelOf(pair.instanceId), ...wayOut(pair.instanceId)] : [],
      };
    }
    case "address-none":
      return {
        code: "aws.bastion-address-stale",
        probe: "addresses",
        evidence: `the NAT instance ${problem.instanceId} has no public address, and the stage has no Elastic IP for it`,
        fix: remake,
        breaks: [...tunnelOf(problem.instanceId), ...wayOut(problem.instanceId)],
      };
    case "source-dest-check":
      return {
        code: "aws.route",
        probe: "instances",
        evidence: `the NAT instance ${problem.instanceId} has its source/destination check on, and so passes nothing on`,
        fix: repair,
        breaks: wayOut(problem.instanceId),
      };
    case "route-missing":
    case "route-dead":
    case "route-elsewhere": {
      const { table, natInstanceId } = problem;
      const subnets = table.subnetIds.length === 0 ? "" : ` of ${table.subnetIds.join(", ")}`;
      return {
        code: "aws.route",
        probe: "routes",
        evidence: `the route table ${table.id}${subnets} ${leadsTo(problem)}; expected a way out through ${natInstanceId}`,
        fix: repair,
        breaks: ["way-out"],
      };
    }
    case "gateway-missing":
      return {
        code: "aws.route",
        probe: "routes",
        evidence: `the NAT instance ${problem.instanceId} has no way out itself: ${problem.table.id} has no route for 0.0.0.0/0 to an internet gateway`,
        fix: remake,
        breaks: [...tunnelOf(problem.instanceId), ...wayOut(problem.instanceId)],
      };
    case "agent-offline": {
      const { instanceId, agent } = problem;
      const since = agent?.lastPingAt === undefined ? "" : ` since ${agent.lastPingAt.toISOString()}`;
      const state = agent === undefined ? "has never reported" : `is ${agent.pingStatus}${since}`;
      return {
        code: "aws.agent-offline",
        probe: "agents",
        evidence: `the agent on ${instanceId} ${state}, not Online; the instance runs`,
        fix: repair,
        breaks: tunnelOf(instanceId),
      };
    }
    default:
      return problem satisfies never;
  }
}

function wasNat({ network }: Manifest, instanceId: string): boolean {
  return network?.nat.some(({ instance }) => instance === instanceId) ?? false;
}

function describeAddress({ publicIp, allocationId }: AddressPair): string {
  return `the Elastic IP ${publicIp} (${allocationId})`;
}

function whereIs(problem: Extract<NetworkProblem, { kind: `address-${string}`; pair: AddressPair }>): string {
  switch (problem.kind) {
    case "address-gone":
      return "is not the account's any more";
    case "address-detached":
      return "is attached to nothing";
    case "address-elsewhere": {
      const { instanceId, networkInterfaceId } = problem.address;
      return `is attached to ${instanceId ?? networkInterfaceId ?? "something else"}`;
    }
    default:
      return problem satisfies never;
  }
}

function leadsTo(problem: Extract<NetworkProblem, { kind: `route-${string}` }>): string {
  switch (problem.kind) {
    case "route-missing":
      return "has no route for 0.0.0.0/0";
    case "route-dead":
      return `leads to ${targetOf(problem.route)}, which is gone or stopped (blackhole)`;
    case "route-elsewhere":
      return `leads to ${targetOf(problem.route)}, which is none of the stage's instances`;
    default:
      return problem satisfies never;
  }
}

function targetOf({ target, instanceId }: StageRoute): string {
  return instanceId === undefined ? target : `${instanceId} (${target})`;
}
