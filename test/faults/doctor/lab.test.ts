import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { allFaults } from "./catalogue/all.ts";
import type { LabWorld } from "./fault.ts";
import { isRight, runLab, startLabWorld } from "./lab.ts";
import { describeWrong } from "./matrix.ts";

let world: LabWorld & AsyncDisposable;

beforeAll(async () => {
  world = await startLabWorld(inject("runFolder"));
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test("every fault has the doctor's right name, twice drawn, and in less than five seconds", async () => {
  const runs = await runLab({ world, faults: allFaults, draws: 2 });
  expect(runs.filter((run) => !isRight(run)).map(describeWrong)).toEqual([]);
  expect(runs.filter(({ ms, holdMs }) => ms - holdMs >= 5000).map(({ fault, ms }) => `${fault}: ${ms} ms`)).toEqual([]);
});

test("each fault has a name of its own", () => {
  const names = allFaults.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
