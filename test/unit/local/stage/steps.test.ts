import { expect, test } from "vitest";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { allOrCallOff, createStepRunner, type Step } from "#lib/local/stage/steps.ts";

function recordSteps() {
  const steps: Step[] = [];
  let nowMs = 0;
  const clock: Clock = {
    nowMs: () => (nowMs += 10),
    wallTime: () => new Date(0),
    sleep: async () => {},
  };
  return { steps, runStep: createStepRunner(clock, (step) => steps.push(step)) };
}

test("a step that is done is reported with its time and its note, and gives its value", async () => {
  const { steps, runStep } = recordSteps();
  await expect(runStep("tunnel", async () => 42, "direct")).resolves.toBe(42);
  expect(steps).toEqual([{ name: "tunnel", ok: true, ms: 10, note: "direct" }]);
});

test("a step that fails is reported with code and hint, and fails the caller", async () => {
  const { steps, runStep } = recordSteps();
  const failure = new PosternError("port.taken", "Port 1 is taken.", { hint: "Free it." });
  await expect(runStep("database", async () => Promise.reject(failure))).rejects.toBe(failure);
  const error = { code: "port.taken", message: "Port 1 is taken.", hint: "Free it." };
  expect(steps).toEqual([{ name: "database", ok: false, ms: 10, error }]);
});

test("a step's failure is reported and thrown as it was explained", async () => {
  const steps: Step[] = [];
  const clock: Clock = { nowMs: () => 0, wallTime: () => new Date(0), sleep: async () => {} };
  const explained = new PosternError("data.unwritable", "It belongs to root.");
  const runStep = createStepRunner(
    clock,
    (step) => steps.push(step),
    async () => explained,
  );
  await expect(runStep("bundles", async () => Promise.reject(new Error("EACCES")))).rejects.toBe(explained);
  expect(steps).toMatchObject([{ name: "bundles", ok: false, error: { code: "data.unwritable" } }]);
});

test("a step that was called off has no result", async () => {
  const { steps, runStep } = recordSteps();
  const signal = AbortSignal.abort();
  await expect(runStep("database", async () => signal.throwIfAborted())).rejects.toMatchObject({ code: "aborted" });
  expect(steps).toEqual([]);
});

test("when one of several fails, the others are called off and waited for, and its failure is thrown", async () => {
  const callOff = new AbortController();
  const order: string[] = [];
  const untilCalledOff = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    callOff.signal.addEventListener("abort", () => resolve());
    await promise;
    await Promise.resolve();
    order.push("other has ended");
    throw new Error("called off");
  };
  const failure = new Error("the cause");
  const all = allOrCallOff([untilCalledOff(), Promise.reject(failure)], callOff);
  await expect(all.finally(() => order.push("all have ended"))).rejects.toBe(failure);
  expect(order).toEqual(["other has ended", "all have ended"]);
});
