import { appName, type Manifest, type NetworkParts, tagKeys } from "#lib/contract.ts";
import type { Fact } from "#lib/control-plane/fact.ts";
import type { NetworkFacts } from "#lib/control-plane/network/read-network.ts";

export function known<Value>(value: Value): Fact<Value> {
  return { kind: "known", value, ms: 1 };
}

/** What is inside of a fact, for tests that change it. */
export type ValueOf<Facts> = { [Key in keyof Facts]: Facts[Key] extends Fact<infer Value> ? Value : never };

const vpcId = "vpc-1";
const zones = [1, 2] as const;

const network: NetworkParts = {
  vpcId,
  privateSubnets: zones.map((zone) => `subnet-private-${zone}`),
  nat: zones.map((zone) => ({ instance: `i-${zone}`, allocation: `eipalloc-${zone}`, address: `203.0.113.${zone}` })),
};

/** A stage of two zones whose NAT instances are its bastions. */
export const manifest: Manifest = {
  version: 1,
  app: "postern",
  stage: "dev",
  region: "eu-central-1",
  protected: false,
  database: { host: "db.internal", port: 5432, name: "app", instanceId: "postern-dev" },
  functions: { runner: "postern-dev-runner", inspect: "postern-dev-inspect", health: "postern-dev-health" },
  healthUrl: "https://health.example/",
  secrets: {},
  bundle: { version: "0.1.0", migrationsHash: "00" },
  bastions: ["i-1", "i-2"],
  tunnel: { documentName: "postern-dev-tunnel" },
  network,
};

/** Of everything that the stage made for its network. */
export const stageTags = { [tagKeys.app]: appName, [tagKeys.stage]: manifest.stage, [tagKeys.part]: "network" };

/** All is well there. */
export const healthyNetwork: ValueOf<NetworkFacts> = {
  instances: zones.map((zone) => ({
    id: `i-${zone}`,
    state: "running",
    publicIp: `203.0.113.${zone}`,
    subnetId: `subnet-public-${zone}`,
    vpcId,
    sourceDestCheck: false,
    groupIds: ["sg-nat"],
    networkInterfaceIds: [`eni-${zone}`],
    tags: { ...stageTags, "sst:is-nat": "true" },
  })),
  addresses: zones.map((zone) => ({
    allocationId: `eipalloc-${zone}`,
    publicIp: `203.0.113.${zone}`,
    associationId: `eipassoc-${zone}`,
    instanceId: `i-${zone}`,
    networkInterfaceId: `eni-${zone}`,
    tags: stageTags,
  })),
  routeTables: zones.flatMap((zone) => [
    table(`rtb-private-${zone}`, `subnet-private-${zone}`, `eni-${zone}`, `i-${zone}`),
    table(`rtb-public-${zone}`, `subnet-public-${zone}`, "igw-1"),
  ]),
  agents: zones.map((zone) => ({ instanceId: `i-${zone}`, pingStatus: "Online" })),
};

function table(id: string, subnetId: string, target: string, instanceId?: string) {
  const out = { destination: "0.0.0.0/0", target, isBlackhole: false };
  const local = { destination: "10.0.0.0/16", target: "local", isBlackhole: false };
  const routes = [local, { ...out, ...(instanceId === undefined ? {} : { instanceId }) }];
  return { id, subnetIds: [subnetId], isMain: false, routes, tags: stageTags };
}

/** The facts of a network that is well but for what the test changes. */
export function networkFacts(changes: Partial<ValueOf<NetworkFacts>> = {}): NetworkFacts {
  const values = { ...healthyNetwork, ...changes };
  return {
    instances: known(values.instances),
    addresses: known(values.addresses),
    routeTables: known(values.routeTables),
    agents: known(values.agents),
  };
}
