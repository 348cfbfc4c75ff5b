import { describe, expect, it, test } from "vitest";
import type { Manifest } from "#lib/contract.ts";
import { findNetworkProblems } from "#lib/control-plane/network/problems.ts";
import { healthyNetwork, known, manifest, networkFacts } from "../../support/control-plane/network-facts.ts";

const { network: _network, ...untold } = manifest;
const told: readonly (readonly [string, Manifest])[] = [
  ["as the manifest says", manifest],
  ["as the tags say alone", untold],
];
const { instances, addresses, routeTables, agents } = healthyNetwork;

/** With one of its members changed, by index. */
function change<Item extends object>(items: readonly Item[], index: number, to: Partial<Item>): Item[] {
  return items.map((item, at) => (at === index ? { ...item, ...to } : item));
}

function without<Item extends object, Key extends keyof Item>(item: Item | undefined, ...keys: Key[]): Omit<Item, Key> {
  if (item === undefined) throw new Error("There is no such item.");
  return Object.fromEntries(Object.entries(item).filter(([key]) => !keys.includes(key as Key))) as Omit<Item, Key>;
}

describe.each(told)("a network, %s", (_title, manifestOfTest) => {
  const find = (changes: Parameters<typeof networkFacts>[0]) =>
    findNetworkProblems(manifestOfTest, networkFacts(changes));

  it("has no problem when it is well", () => {
    expect(find({})).toEqual([]);
  });

  it("misses an address that is attached to nothing, at the instance that is without one", () => {
    const detached = without(addresses[1], "associationId", "instanceId", "networkInterfaceId");
    expect(
      find({
        addresses: [addresses[0] ?? detached, detached],
        instances: [...instances.slice(0, 1), without(instances[1], "publicIp")],
      }),
    ).toEqual([
      {
        kind: "address-detached",
        pair: { instanceId: "i-2", allocationId: "eipalloc-2", publicIp: "203.0.113.2" },
        address: detached,
      },
    ]);
  });

  it("tells of another address that the instance has instead", () => {
    const detached = without(addresses[1], "associationId", "instanceId", "networkInterfaceId");
    expect(
      find({
        addresses: [addresses[0] ?? detached, detached],
        instances: change(instances, 1, { publicIp: "198.51.100.9" }),
      }),
    ).toMatchObject([{ kind: "address-detached", insteadIp: "198.51.100.9" }]);
  });

  it("misses an address that another instance took", () => {
    const problems = find({
      addresses: change(addresses, 0, { instanceId: "i-stranger", networkInterfaceId: "eni-stranger" }),
      instances: [without(instances[0], "publicIp"), ...instances.slice(1)],
    });
    expect(problems).toMatchObject([{ kind: "address-elsewhere", pair: { instanceId: "i-1" } }]);
  });

  it.each(["stopped", "stopping", "pending"])("sees an instance that is %s, and the dead route to it", (state) => {
    const dead = change(routeTables[0]?.routes ?? [], 1, { isBlackhole: true });
    expect(
      find({ instances: change(instances, 0, { state }), routeTables: change(routeTables, 0, { routes: dead }) }),
    ).toMatchObject([
      { kind: "instance-stopped", instanceId: "i-1", state, isNat: true },
      { kind: "route-dead", table: { id: "rtb-private-1" }, natInstanceId: "i-1" },
    ]);
  });

  it("sees a bastion that is gone, and the one in its place", () => {
    const renewed = change(instances, 0, { id: "i-9" });
    expect(
      find({ instances: renewed, addresses: change(addresses, 0, { instanceId: "i-9" }) }).filter(
        ({ kind }) => kind === "instance-gone",
      ),
    ).toEqual([{ kind: "instance-gone", instanceId: "i-1", replacementId: "i-9" }]);
  });

  it("sees an instance that drops what it should forward", () => {
    expect(find({ instances: change(instances, 1, { sourceDestCheck: true }) })).toEqual([
      { kind: "source-dest-check", instanceId: "i-2" },
    ]);
  });

  it("sees a private subnet without a way out, and leaves a NAT gateway in its place alone", () => {
    const [local] = routeTables[0]?.routes ?? [];
    if (local === undefined) throw new Error("The first table has no routes.");
    expect(find({ routeTables: change(routeTables, 0, { routes: [local] }) })).toMatchObject([
      { kind: "route-missing", table: { id: "rtb-private-1" }, natInstanceId: "i-1" },
    ]);
    const managed = { destination: "0.0.0.0/0", target: "nat-1", isBlackhole: false };
    expect(find({ routeTables: change(routeTables, 0, { routes: [local, managed] }) })).toEqual([]);
  });

  it("sees a private subnet whose way out leads to a stranger", () => {
    const strange = { destination: "0.0.0.0/0", target: "eni-x", instanceId: "i-x", isBlackhole: false };
    expect(find({ routeTables: change(routeTables, 2, { routes: [strange] }) })).toMatchObject([
      { kind: "route-elsewhere", table: { id: "rtb-private-2" }, route: { instanceId: "i-x" }, natInstanceId: "i-2" },
    ]);
  });

  it("sees a NAT instance that has no way out itself", () => {
    expect(find({ routeTables: change(routeTables, 1, { routes: [] }) })).toMatchObject([
      { kind: "gateway-missing", table: { id: "rtb-public-1" }, instanceId: "i-1" },
    ]);
  });

  it("sees an agent that was lost, and one that never registered", () => {
    const lost = change(agents, 0, { pingStatus: "ConnectionLost" });
    expect(find({ agents: lost.slice(0, 1) })).toEqual([
      { kind: "agent-offline", instanceId: "i-1", agent: { instanceId: "i-1", pingStatus: "ConnectionLost" } },
      { kind: "agent-offline", instanceId: "i-2" },
    ]);
  });

  it("sees an instance that has no address, where the stage has none for it", () => {
    const problems = find({
      addresses: addresses.slice(0, 1),
      instances: [...instances.slice(0, 1), without(instances[1], "publicIp")],
    });
    const isWrittenDown = manifestOfTest.network !== undefined;
    expect(problems.map(({ kind }) => kind)).toEqual([isWrittenDown ? "address-gone" : "address-none"]);
  });
});

test("a private subnet is led to the instance in the place of its own, and not to another zone's", () => {
  // AWS's answer is sorted by id.
  const renewed = [...instances.slice(1), ...change(instances.slice(0, 1), 0, { id: "i-9" })];
  const lost = change(routeTables, 0, { routes: [] });
  const problems = findNetworkProblems(manifest, networkFacts({ instances: renewed, routeTables: lost }));
  expect(problems).toContainEqual(expect.objectContaining({ kind: "route-missing", natInstanceId: "i-9" }));
});

test("what could not be read is no problem", () => {
  const refused = { kind: "unknown", code: "aws.permission", because: "not allowed", ms: 1 } as const;
  const facts = networkFacts({ addresses: [], agents: [] });
  expect(
    findNetworkProblems(manifest, {
      ...facts,
      addresses: { ...refused, action: "ec2:DescribeAddresses" },
      agents: { ...refused, action: "ssm:DescribeInstanceInformation" },
    }),
  ).toEqual([]);
  const unseen = { ...facts, instances: { ...refused, action: "ec2:DescribeInstances" as const } };
  expect(findNetworkProblems(manifest, unseen)).toEqual([]);
});

test("a bastion in a VPC that was there before is no NAT instance, and no route there is the stage's", () => {
  const elsewhere = { ...manifest, bastions: ["i-1"], network: { vpcId: "vpc-1", privateSubnets: ["s-1"], nat: [] } };
  const [instance] = instances;
  if (instance === undefined) throw new Error("There is no instance.");
  const bastion = { ...without(instance, "publicIp"), sourceDestCheck: true, subnetId: "s-1", tags: {} };
  const facts = networkFacts({ instances: [bastion], addresses: [], routeTables: [] });
  expect(findNetworkProblems(elsewhere, facts)).toEqual([]);
  const stopped = { ...facts, instances: known([{ ...bastion, state: "stopped" }]) };
  expect(findNetworkProblems(elsewhere, stopped)).toEqual([
    { kind: "instance-stopped", instanceId: "i-1", state: "stopped", isNat: false },
  ]);
});
