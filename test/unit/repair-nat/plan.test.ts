import { describe, expect, it, test } from "vitest";
import type { Manifest } from "#lib/contract.ts";
import { findNetworkProblems } from "#lib/control-plane/network/problems.ts";
import { planRepair } from "#lib/repair-nat/plan.ts";
import { isDone, isSameStep } from "#lib/repair-nat/progress.ts";
import { manifest, networkFacts, stageTags } from "../../support/control-plane/network-facts.ts";
import { observe } from "../../support/repair-nat/observe.ts";
import { createWorld, noTrouble, perform, type Trouble, troubles, type World } from "../../support/repair-nat/world.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const { network: _network, ...untold } = manifest;

function planOf(one: Partial<Trouble>, other: Partial<Trouble> = {}, of: Manifest = manifest) {
  return planRepair(
    observe(
      createWorld(
        [
          { ...noTrouble, ...one },
          { ...noTrouble, ...other },
        ],
        of,
      ),
    ),
  );
}

function kindsOf(one: Partial<Trouble>, other: Partial<Trouble> = {}) {
  return planOf(one, other).steps.map(({ kind, resource }) => `${kind} ${resource}`);
}

/** Each trouble of a zone with each other one. */
function everyTrouble(): Trouble[] {
  let all: Partial<Trouble>[] = [{}];
  for (const [name, values] of Object.entries(troubles)) {
    all = all.flatMap((one) => values.map((value) => Object.assign({}, one, { [name]: value })));
  }
  return all as Trouble[];
}

/**
 * Does one step after the other until a plan has none.
 *
 * @throws for a step that nobody may do, that does not do what it says, or after which the plan is not what was left of it
 */
function mend(world: World): void {
  for (let round = 0; round < 20; round += 1) {
    const [step, ...rest] = planRepair(observe(world)).steps;
    if (step === undefined) return;
    if (isDone(step, observe(world))) throw new Error(`${step.kind} is done already`);
    perform(step, world);
    if (!isDone(step, observe(world))) throw new Error(`${step.kind} did nothing`);
    const next = planRepair(observe(world)).steps;
    const expected = next.filter((one) => one.kind !== "reboot-instance" || rest.some((left) => isSameStep(left, one)));
    const isRest = expected.length === rest.length && rest.every((one, at) => isSameStep(one, expected[at] ?? step));
    if (!isRest) {
      throw new Error(`after ${JSON.stringify(step)}: expected ${JSON.stringify(rest)}, got ${JSON.stringify(next)}`);
    }
  }
  throw new Error("It never ends.");
}

function mendWhole(world: World) {
  try {
    mend(world);
    return { error: undefined, problems: problemsLeft(world) };
  } catch (error) {
    return { error };
  }
}

/** The doctor, which judges by itself, is to find nothing where the plan says that all is mended. */
function problemsLeft(world: World): unknown {
  const facts = observe(world);
  const { unmended } = planRepair(facts);
  const { agents = [], ...others } = facts;
  return unmended.length > 0 ? [] : findNetworkProblems(world.manifest, networkFacts({ ...others, agents }));
}

describe.each([
  ["as the manifest says", manifest],
  ["as the tags say alone", untold],
] as const)("every trouble of one zone, with another one's in the other, %s", (_title, of) => {
  test("each step leaves the rest of the plan as it was, touches nothing it may not, and the last leaves no step", () => {
    const random = seededRandom();
    const all = everyTrouble();
    for (const trouble of all) {
      const other = random.pick([noTrouble, random.pick(all)]);
      for (const pair of [[trouble, other] as const, [other, trouble] as const]) {
        const world = createWorld(pair, of);
        const name = `seed ${random.seed}: ${JSON.stringify(pair)}`;
        expect({ name, ...mendWhole(world) }).toEqual({ name, error: undefined, problems: [] });
      }
    }
  });
});

describe("a plan", () => {
  it("is empty where all is well", () => {
    expect(planOf({})).toEqual({ steps: [], unmended: [], left: [] });
    expect(planOf({}, {}, untold)).toEqual({ steps: [], unmended: [], left: [] });
  });

  it("is not empty where nobody knows what there should be", () => {
    const facts = observe(createWorld([noTrouble, noTrouble], { ...untold, bastions: [] }));
    expect(planRepair({ ...facts, instances: [] })).toMatchObject({ steps: [], unmended: [{ resource: "dev" }] });
    const bare = { ...manifest, bastions: [], network: { vpcId: "vpc-1", privateSubnets: ["subnet-a"], nat: [] } };
    expect(planRepair({ ...facts, manifest: bare, instances: [] })).toEqual({ steps: [], unmended: [], left: [] });
  });

  it("gives back the zone's own address, and says what is free and for whom", () => {
    const { steps } = planOf({ address: "free" });
    expect(steps).toEqual([
      expect.objectContaining({ kind: "associate-address", resource: "eipalloc-1", from: "nothing", to: "i-1" }),
    ]);
    expect(steps[0]?.why).toContain("203.0.113.1");
  });

  it("says whom it cuts where an instance has another address meanwhile, and leaves the routes to it", () => {
    const { steps } = planOf({ address: "free, another in its place" }, { route: "other zone" });
    expect(steps).toEqual([
      expect.objectContaining({ kind: "associate-address", to: "i-1", cuts: expect.stringContaining("198.51.100.9") }),
    ]);
    expect(steps[0]?.why).not.toContain("nothing gets out");
    expect(planOf({ address: "free" }).steps[0]?.cuts).toBeUndefined();
  });

  it("works zone by zone, and in each from the instance to the route", () => {
    expect(
      kindsOf({ instance: "stopped", address: "free", check: "on", route: "deleted" }, { address: "free" }),
    ).toEqual([
      "start-instance i-1",
      "associate-address eipalloc-1",
      "turn-off-source-dest-check i-1",
      "replace-route rtb-private-1",
      "associate-address eipalloc-2",
    ]);
  });

  it("leads each private subnet to the instance that the doctor names, where a stage has fewer of these", () => {
    const tables = [1, 2, 3, 4].map((at) => ({
      id: `rtb-${at}`,
      subnetIds: [`subnet-${at}`],
      isMain: false,
      routes: [],
      tags: stageTags,
    }));
    const { network } = manifest;
    if (network === undefined) throw new Error("The manifest names no network.");
    const privateSubnets = tables.flatMap(({ subnetIds }) => subnetIds);
    const of = { ...manifest, network: { ...network, privateSubnets } };
    const { routeTables, agents = [], ...others } = observe(createWorld([noTrouble, noTrouble], of));
    const all = [...routeTables.filter(({ id }) => id.startsWith("rtb-public")), ...tables];
    const { steps } = planRepair({ ...others, routeTables: all, agents });
    const problems = findNetworkProblems(of, networkFacts({ ...others, routeTables: all, agents }));
    const led = { "rtb-1": "i-1", "rtb-2": "i-2", "rtb-3": "i-1", "rtb-4": "i-2" };
    const named = problems.flatMap((one) => (one.kind === "route-missing" ? [[one.table.id, one.natInstanceId]] : []));
    expect(Object.fromEntries(named)).toEqual(led);
    expect(Object.fromEntries(steps.map(({ resource, to }) => [resource, to.replace("eni-", "i-")]))).toEqual(led);
  });

  it("does not take a route to a stopped instance of its own for a wrong one: it is a black hole until that runs", () => {
    expect(kindsOf({ instance: "stopped" })).toEqual(["start-instance i-1"]);
  });

  it("takes an address from an instance that was replaced and is stopped, and never from one that runs", () => {
    expect(planOf({ address: "on a stopped spare" }).steps).toMatchObject([
      { kind: "associate-address", resource: "eipalloc-1", from: "i-spare-1", to: "i-1" },
    ]);
    const { steps, unmended } = planOf({ address: "on a running spare", route: "spare" });
    expect(steps).toEqual([]);
    const deploy = "npx sst deploy --stage dev";
    expect(unmended).toMatchObject([
      { resource: "i-1", message: expect.stringContaining("i-spare-1 is in the place of i-1"), fix: deploy },
      { resource: "i-1", message: expect.stringContaining("carries no zone"), fix: deploy },
    ]);
  });

  it.each(["on a stranger", "on a NAT gateway", "missing", "free and untagged", "free, of another part"] as const)(
    "has no step for an address that is %s, and says who mends it",
    (address) => {
      const { steps, unmended } = planOf({ address });
      expect(steps).toEqual([]);
      expect(unmended).toHaveLength(1);
      expect(unmended[0]?.fix).toMatch(address.startsWith("on") ? /Detach it/u : /sst refresh .* then npx sst deploy/u);
    },
  );

  it("gives a zone whose own address is gone one that is left over, and none that another zone waits for", () => {
    const { steps, unmended } = planOf({ address: "missing" }, { address: "free" });
    expect(steps).toMatchObject([{ kind: "associate-address", resource: "eipalloc-2", to: "i-2" }]);
    expect(unmended).toMatchObject([{ resource: "eipalloc-1" }]);
  });

  it("leaves a route to a NAT gateway, and says so", () => {
    const { steps, unmended, left } = planOf({ route: "NAT gateway" });
    expect([...steps, ...unmended]).toEqual([]);
    expect(left).toMatchObject([{ resource: "rtb-private-1", message: expect.stringContaining("not the stage's") }]);
  });

  it("leaves a route to a stranger's interface, and says how to lead it back where that is not meant", () => {
    const { steps, unmended } = planOf({ route: "stranger" });
    expect(steps).toEqual([]);
    expect(unmended).toMatchObject([{ resource: "rtb-private-1", fix: expect.stringContaining("replace-route") }]);
  });

  it("does not make an instance that is gone, and says what does", () => {
    const { steps, unmended } = planOf({ instance: "terminated" });
    expect(steps).toEqual([]);
    expect(unmended).toMatchObject([
      { resource: "i-1", fix: "npx sst refresh --stage dev, then npx sst deploy --stage dev" },
    ]);
  });

  it("reboots for a silent agent only where nothing else is wrong, and says whom that cuts", () => {
    const [step, ...more] = planOf({ agent: "hung" }).steps;
    expect(more).toEqual([]);
    expect(step).toMatchObject({ kind: "reboot-instance", resource: "i-1", cuts: expect.stringContaining("session") });
    expect(kindsOf({ agent: "hung", address: "free" })).toEqual(["associate-address eipalloc-1"]);
  });

  it("waits for the agent of an instance that was started only now", () => {
    const { agents = [], ...others } = observe(createWorld([{ ...noTrouble, agent: "hung" }, noTrouble]));
    const facts = { ...others, agents };
    const since = (ms: number) => ({
      ...facts,
      instances: facts.instances.map((one) =>
        Object.assign({}, one, { launchedAt: new Date(facts.now.getTime() - ms) }),
      ),
    });
    expect(planRepair(since(10_000))).toMatchObject({ steps: [], unmended: [{ resource: "i-1" }] });
    expect(planRepair(since(600_000)).steps).toMatchObject([{ kind: "reboot-instance" }]);
    const heard = [
      { instanceId: "i-1", pingStatus: "ConnectionLost", lastPingAt: facts.now },
      ...facts.agents.slice(1),
    ];
    expect(planRepair({ ...since(10_000), agents: heard }).steps).toMatchObject([{ kind: "reboot-instance" }]);
  });

  it("does not reboot where nobody knows whether the agent is silent, and says so", () => {
    const { agents: _agents, ...facts } = observe(createWorld([{ ...noTrouble, agent: "hung" }, noTrouble]));
    expect(planRepair(facts)).toMatchObject({
      steps: [],
      unmended: [],
      left: [{ resource: "i-1" }, { resource: "i-2" }],
    });
  });

  it("starts and reboots the bastion of a VPC that was there before, which has neither address nor routes", () => {
    const of = { ...manifest, bastions: ["i-1"], network: { vpcId: "vpc-1", privateSubnets: ["subnet-a"], nat: [] } };
    const bastion = { id: "i-1", groupIds: [], networkInterfaceIds: ["eni-1"], tags: stageTags };
    const facts = { manifest: of, addresses: [], routeTables: [], agents: [], now: new Date() };
    expect(planRepair({ ...facts, instances: [{ ...bastion, state: "stopped" }] }).steps).toMatchObject([
      { kind: "start-instance" },
    ]);
    const [reboot] = planRepair({ ...facts, instances: [{ ...bastion, state: "running" }] }).steps;
    expect(reboot).toMatchObject({ kind: "reboot-instance", from: "never registered" });
    expect(reboot?.cuts).not.toContain("private subnet");
  });
});
