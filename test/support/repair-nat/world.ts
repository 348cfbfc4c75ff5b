import type { Manifest } from "#lib/contract.ts";
import type { RepairStep } from "#lib/repair-nat/result.ts";
import { manifest as told, stageTags } from "../control-plane/network-facts.ts";

/** What can be the matter with a zone, each member by itself. */
export const troubles = {
  instance: ["running", "stopped", "stopping", "terminated", "gone", "untagged"],
  address: [
    "own",
    "free",
    "free, another in its place",
    "on a stopped spare",
    "on a running spare",
    "on a stranger",
    "on a NAT gateway",
    "missing",
    "free and untagged",
    "free, of another part",
  ],
  check: ["off", "on"],
  route: [
    "own",
    "none",
    "deleted",
    "NAT gateway",
    "stranger",
    "spare",
    "dropping spare",
    "other zone",
    "other spare",
    "untagged",
  ],
  agent: ["well", "hung"],
} as const;

export type Trouble = { readonly [Key in keyof typeof troubles]: (typeof troubles)[Key][number] };

export const noTrouble: Trouble = { instance: "running", address: "own", check: "off", route: "own", agent: "well" };

type Tags = Readonly<Record<string, string>>;
export type Instance = {
  id: string;
  state: string;
  subnetId: string;
  check: boolean;
  isHung: boolean;
  /** One that is not the stage's, which somebody gave it by hand. */
  otherIp?: string;
  tags: Tags;
};
export type Address = { allocationId: string; holder?: string; tags: Tags };
export type Table = { id: string; subnetId: string; target?: string; tags: Tags };

/** A stage's network as a thing that steps act on: what AWS would make of them, told apart from what the plan thinks. */
export type World = {
  readonly manifest: Manifest;
  readonly instances: Map<string, Instance>;
  readonly addresses: Map<string, Address>;
  readonly tables: Map<string, Table>;
};

const strangerTags = { ...stageTags, "postern:stage": "production" };

/** Two zones with their troubles, and beside each an instance of a replacement that was not finished, where the trouble has one. */
export function createWorld(zones: readonly [Trouble, Trouble], manifest: Manifest = told): World {
  const world: World = { manifest, instances: new Map(), addresses: new Map(), tables: new Map() };
  for (const [index, trouble] of zones.entries()) addZone(world, index + 1, trouble);
  return world;
}

function addZone({ instances, addresses, tables }: World, zone: number, trouble: Trouble): void {
  const tags = { ...stageTags, "sst:is-nat": "true" };
  const add = (id: string, state: string, more: Partial<Instance> = {}) =>
    instances.set(id, { id, state, subnetId: `subnet-public-${zone}`, check: false, isHung: false, tags, ...more });
  const isUntagged = trouble.instance === "untagged";
  if (trouble.instance !== "gone") {
    add(`i-${zone}`, isUntagged ? "running" : trouble.instance, {
      check: trouble.check === "on",
      isHung: trouble.agent === "hung",
      ...(trouble.address === "free, another in its place" ? { otherIp: "198.51.100.9" } : {}),
      ...(isUntagged ? { tags: {} } : {}),
    });
  }
  if (trouble.address.endsWith("spare") || trouble.route.endsWith("spare")) {
    const state = trouble.address === "on a stopped spare" ? "stopped" : "running";
    add(`i-spare-${zone}`, state, { check: trouble.route === "dropping spare" });
  }
  if (trouble.address !== "missing") {
    const holder = holderOf(trouble.address, zone, instances);
    const allocationId = `eipalloc-${zone}`;
    addresses.set(allocationId, {
      allocationId,
      tags: addressTags(trouble.address),
      ...(holder === undefined ? {} : { holder }),
    });
  }
  const target = targetOf(trouble.route, zone);
  tables.set(`rtb-private-${zone}`, {
    id: `rtb-private-${zone}`,
    subnetId: `subnet-private-${zone}`,
    tags: trouble.route === "untagged" ? strangerTags : stageTags,
    ...(target === undefined ? {} : { target }),
  });
  const publicTable = { id: `rtb-public-${zone}`, subnetId: `subnet-public-${zone}`, target: "igw-1", tags: stageTags };
  tables.set(publicTable.id, publicTable);
}

function addressTags(address: Trouble["address"]): Tags {
  if (address === "free, of another part") return { ...stageTags, "postern:part": "health" };
  return address === "free and untagged" ? strangerTags : stageTags;
}

function holderOf(address: Trouble["address"], zone: number, instances: World["instances"]): string | undefined {
  const own = instances.get(`i-${zone}`);
  switch (address) {
    case "own":
      // What ends lets go of its address.
      return own === undefined || own.state === "terminated" ? undefined : own.id;
    case "on a stopped spare":
    case "on a running spare":
      return `i-spare-${zone}`;
    case "on a stranger":
      return "i-stranger";
    case "on a NAT gateway":
      return "eni-gateway";
    case "free":
    case "free, another in its place":
    case "missing":
    case "free and untagged":
    case "free, of another part":
      return undefined;
    default:
      return address satisfies never;
  }
}

function targetOf(route: Trouble["route"], zone: number): string | undefined {
  switch (route) {
    case "own":
      return `eni-${zone}`;
    case "none":
      return undefined;
    case "deleted":
    case "untagged":
      return "eni-deleted";
    case "NAT gateway":
      return "nat-1";
    case "stranger":
      return "eni-stranger";
    case "spare":
    case "dropping spare":
      return `eni-spare-${zone}`;
    case "other spare":
      return `eni-spare-${3 - zone}`;
    case "other zone":
      return `eni-${3 - zone}`;
    default:
      return route satisfies never;
  }
}

/** Does what AWS would. @throws for what it would refuse, and for what nobody may do */
export function perform({ kind, resource, to, cuts }: RepairStep, world: World): void {
  const instance = world.instances.get(resource);
  switch (kind) {
    case "start-instance":
      mine(instance).state = "running";
      return;
    case "turn-off-source-dest-check":
      mine(instance).check = false;
      return;
    case "reboot-instance":
      mine(instance).isHung = false;
      return;
    case "associate-address": {
      const address = mine(world.addresses.get(resource));
      const holder = address.holder === undefined ? undefined : mine(world.instances.get(address.holder));
      if (holder?.state === "running") throw new Error(`${resource} would be taken from ${holder.id}, which runs`);
      const receiver = mine(world.instances.get(to));
      if (receiver.state !== "running") throw new Error(`${to} is ${receiver.state}: IncorrectInstanceState`);
      if ([...world.addresses.values()].some((one) => one.holder === to)) throw new Error(`${to} has one already`);
      if (receiver.otherIp !== undefined && cuts === undefined) throw new Error(`${to} works: not said whom that cuts`);
      delete receiver.otherIp;
      address.holder = to;
      return;
    }
    case "create-route":
    case "replace-route": {
      const table = mine(world.tables.get(resource));
      if ((table.target === undefined) !== (kind === "create-route")) throw new Error(`${kind}: no such route, or one`);
      const isWorking = table.target !== undefined && !isBlackhole(table.target, world);
      const holder = [...world.instances.values()].find(({ id }) => interfaceIdOf(id) === table.target);
      if (isWorking && holder === undefined) throw new Error(`${table.target} is somebody else's, and works`);
      if (holder !== undefined && !isBroken(holder, world)) throw new Error(`${holder.id} works`);
      if (isBlackhole(to, world)) throw new Error(`${to} leads to nothing`);
      table.target = to;
      return;
    }
    default:
      kind satisfies never;
  }
}

function isBroken(one: Instance, world: World): boolean {
  return one.state !== "running" || one.check || !hasAddress(one, world);
}

export function hasAddress({ id, otherIp }: Instance, { addresses }: World): boolean {
  return otherIp !== undefined || [...addresses.values()].some(({ holder }) => holder === id);
}

export function isBlackhole(target: string, { instances }: World): boolean {
  if (target === "eni-deleted") return true;
  if (["nat-1", "igw-1", "eni-stranger"].includes(target)) return false;
  return [...instances.values()].find(({ id }) => interfaceIdOf(id) === target)?.state !== "running";
}

export function interfaceIdOf(instanceId: string): string {
  return instanceId.replace("i-", "eni-");
}

function mine<Thing extends { readonly tags: Tags }>(thing: Thing | undefined): Thing {
  if (thing === undefined) throw new Error("There is no such resource.");
  if (thing.tags["postern:stage"] !== told.stage || thing.tags["postern:part"] !== "network")
    throw new Error("It is not the stage's network's.");
  return thing;
}
