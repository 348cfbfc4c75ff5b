import { expect, test } from "vitest";
import { planAfterRepair } from "#lib/repair-nat/plan-after-repair.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";
import { observe } from "../../support/repair-nat/observe.ts";
import { createWorld, noTrouble } from "../../support/repair-nat/world.ts";

const { signal } = new AbortController();

test("an agent that registers in its time needs no reboot", async () => {
  const world = createWorld([{ ...noTrouble, agent: "hung" }, noTrouble]);
  const clock = createDrivenClock();
  const readFacts = async () => {
    const instance = world.instances.get("i-1");
    if (instance !== undefined && clock.nowMs() >= 60_000) instance.isHung = false;
    return observe(world);
  };
  expect((await planAfterRepair({ readFacts, waitMs: 180_000, clock, signal })).steps).toEqual([]);
  expect(clock.nowMs()).toBe(60_000);
});

test("one that does not is rebooted by the next plan", async () => {
  const world = createWorld([{ ...noTrouble, agent: "hung" }, noTrouble]);
  const clock = createDrivenClock();
  const { steps } = await planAfterRepair({ readFacts: async () => observe(world), waitMs: 180_000, clock, signal });
  expect(steps).toMatchObject([{ kind: "reboot-instance", resource: "i-1" }]);
  expect(clock.nowMs()).toBe(180_000);
});

test("nobody waits for agents that Session Manager may not be asked about, or that carry no tunnels", async () => {
  const facts = observe(createWorld([{ ...noTrouble, agent: "hung" }, noTrouble]));
  const { agents: _agents, ...unknown } = facts;
  const { tunnel: _tunnel, ...untunnelled } = facts.manifest;
  for (const some of [unknown, { ...facts, manifest: untunnelled }]) {
    const clock = createDrivenClock();
    expect((await planAfterRepair({ readFacts: async () => some, waitMs: 180_000, clock, signal })).steps).toEqual([]);
    expect(clock.nowMs()).toBe(0);
  }
});
