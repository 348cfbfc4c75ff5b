import { expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import type { RepairStep } from "#lib/repair-nat/result.ts";
import { applyRepair, type ApplyOptions } from "#lib/repair-nat/apply.ts";
import { planRepair } from "#lib/repair-nat/plan.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";
import { observe } from "../../support/repair-nat/observe.ts";
import { createWorld, noTrouble, perform, type Trouble, type World } from "../../support/repair-nat/world.ts";

const worst = { ...noTrouble, instance: "stopped", address: "free", check: "on", route: "deleted" } as const;

function setUp(one: Trouble, other: Trouble = noTrouble) {
  const world = createWorld([one, other]);
  const { steps } = planRepair(observe(world));
  const asked: string[] = [];
  const run = async (options: Partial<ApplyOptions> = {}) =>
    applyRepair({
      steps,
      readFacts: async () => observe(world),
      act: async (step) => {
        asked.push(step.kind);
        perform(step, world);
      },
      onStep: () => {},
      clock: createDrivenClock(),
      signal: new AbortController().signal,
      ...options,
    });
  return { world, steps, asked, run };
}

function stepsLeft(world: World): string[] {
  return planRepair(observe(world)).steps.map(({ kind }) => kind);
}

/** Acts as AWS does until the step of that kind, and then as the test says. */
function actUntil(world: World, kind: RepairStep["kind"], then: () => void): ApplyOptions["act"] {
  return async (step) => {
    if (step.kind === kind) then();
    else perform(step, world);
  };
}

test("all steps are done in their order, and told with their times", async () => {
  const { world, steps, asked, run } = setUp(worst);
  const { applied, error } = await run();
  expect(error).toBeUndefined();
  expect(applied).toEqual(steps.map((step) => expect.objectContaining(step)));
  expect(asked).toEqual(["start-instance", "associate-address", "turn-off-source-dest-check", "replace-route"]);
  expect(stepsLeft(world)).toEqual([]);
});

test("a step that is refused ends it; what was done and what was not is said, and a new plan goes on from there", async () => {
  const { world, run } = setUp(worst);
  const act = actUntil(world, "turn-off-source-dest-check", () => {
    throw new PosternError("aws.permission", "ec2:ModifyInstanceAttribute: not allowed.");
  });
  const { applied, error } = await run({ act });
  expect(applied.map(({ kind }) => kind)).toEqual(["start-instance", "associate-address"]);
  expect(error?.code).toBe("aws.permission");
  expect(error?.message).toMatch(
    /Step 3 of 4, turn-off-source-dest-check i-1 \(on → off\): ec2:ModifyInstanceAttribute/u,
  );
  expect(error?.message).toMatch(/Done: start-instance .*, associate-address .*\. Not begun: replace-route /u);
  expect(stepsLeft(world)).toEqual(["turn-off-source-dest-check", "replace-route"]);
});

test("nothing is done when something has changed since the plan was shown", async () => {
  const { world, asked, run } = setUp(worst);
  world.addresses.set("eipalloc-1", { allocationId: "eipalloc-1", holder: "i-stranger", tags: {} });
  const { applied, error } = await run();
  expect(asked).toEqual([]);
  expect(applied).toEqual([]);
  expect(error?.code).toBe("repair.changed");
});

test("nothing is done when it would cut people by now, of whom nobody was told", async () => {
  const { world, asked, run } = setUp({ ...noTrouble, address: "free" });
  Object.assign(world.instances.get("i-1") ?? {}, { otherIp: "198.51.100.9" });
  expect((await run()).error?.code).toBe("repair.changed");
  expect(asked).toEqual([]);
});

test("a change in the middle ends it before the next step", async () => {
  const { world, run } = setUp(worst);
  const act = actUntil(world, "associate-address", () => {
    perform({ kind: "associate-address", resource: "eipalloc-1", from: "nothing", to: "i-1", why: "" }, world);
    const table = world.tables.get("rtb-private-1");
    if (table !== undefined) table.target = "nat-1";
  });
  const { applied, error } = await run({ act });
  expect(applied.map(({ kind }) => kind)).toEqual(["start-instance", "associate-address"]);
  expect(error?.code).toBe("repair.changed");
  expect(world.tables.get("rtb-private-1")?.target).toBe("nat-1");
});

test("an agent that stays silent behind the other steps is no change: its reboot is planned, and not done", async () => {
  const { world, asked, run } = setUp({ ...worst, agent: "hung" });
  expect((await run()).error).toBeUndefined();
  expect(asked).not.toContain("reboot-instance");
  expect(stepsLeft(world)).toEqual(["reboot-instance"]);
});

test("an instance that still stops is started when it has stopped", async () => {
  const { world, asked, run } = setUp({ ...noTrouble, instance: "stopping" });
  const instance = world.instances.get("i-1");
  const askedBefore: number[] = [];
  const readFacts = async () => {
    if (askedBefore.length === 2 && instance !== undefined) instance.state = "stopped";
    askedBefore.push(asked.length);
    return observe(world);
  };
  expect((await run({ readFacts })).error).toBeUndefined();
  expect(askedBefore).toEqual([0, 0, 0, 1]);
  expect(asked).toEqual(["start-instance"]);
});

test("a step that AWS does not show is given up, and said to have been asked for", async () => {
  const { run } = setUp({ ...noTrouble, address: "free" });
  const { applied, error } = await run({ act: async () => {} });
  expect(applied).toEqual([]);
  expect(error?.code).toBe("repair.failed");
  expect(error?.message).toContain("was asked of AWS, and was not seen to be done. Done: nothing. Not begun: nothing.");
});

test("a signal ends it between calls, and the first step behind it is not begun", async () => {
  const { world, asked, run } = setUp(worst);
  const stop = new AbortController();
  const act: ApplyOptions["act"] = async (step) => {
    asked.push(step.kind);
    stop.abort(new PosternError("aborted", "Stopped by SIGINT."));
    perform(step, world);
  };
  const { applied, error } = await run({ act, signal: stop.signal });
  expect(asked).toEqual(["start-instance"]);
  expect(applied.map(({ kind }) => kind)).toEqual(["start-instance"]);
  expect(error).toMatchObject({ code: "aborted", hint: expect.stringContaining("goes on from there") });
  expect(world.addresses.get("eipalloc-1")?.holder).toBeUndefined();
});
