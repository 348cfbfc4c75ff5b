import { describe, expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import type { ProgressResult, RunnerEvent } from "#lib/protocol.ts";
import { toAwsError } from "#lib/stage/aws-errors.ts";
import { environmentAccess } from "#lib/stage/aws-access.ts";
import { type RunOptions, type RunPort, type RunRequest, runOnStage } from "#lib/stage/run.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";

type Poll = Omit<ProgressResult, "runId"> | PosternError;

/** A stage whose run goes through these polls; the last one repeats. */
function scriptedPort(polls: readonly Poll[], queue: RunPort["queue"] = async () => {}) {
  const events: RunnerEvent[] = [];
  let polled = 0;
  const port: RunPort = {
    queue: async (event, signal) => {
      events.push(event);
      await queue(event, signal);
    },
    cancel: async ({ runId }) => ({ runId, state: "running" }),
    readProgress: async (runId) => {
      const poll = polls[Math.min(polled, polls.length - 1)];
      polled += 1;
      if (poll === undefined || poll instanceof PosternError) throw poll ?? new Error("no poll");
      return { runId, ...poll };
    },
  };
  return { port, events, polled: () => polled };
}

const request = { action: "migrate", requestedBy: "me@here" } as const;
const run = (port: RunPort, options: Partial<RunOptions> = {}) =>
  runOnStage({ port, request, clock: createDrivenClock(), ...options });
const failed = new PosternError("aws.failed", "throttled");
const unanswered = toAwsError(Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }), {
  name: "lambda:InvokeFunction",
  access: environmentAccess,
});

test("queues one event and gives the recorded result", async () => {
  const result = { status: "applied" };
  const { port, events } = scriptedPort([{ state: "unknown" }, { state: "running" }, { state: "ended", result }]);
  expect(await run(port)).toBe(result);
  expect(events).toEqual([{ ...request, runId: expect.stringMatching(/^[0-9a-f-]{36}$/) }]);
});

test("tells each state once", async () => {
  const { port } = scriptedPort([{ state: "running" }, { state: "running" }, { state: "ended", result: 1 }]);
  const states: string[] = [];
  await run(port, { onState: ({ state }) => states.push(state) });
  expect(states).toEqual(["running", "ended"]);
});

test("a run that ended with an error throws that error", async () => {
  const { port } = scriptedPort([{ state: "ended", error: { code: "lock.held", message: "taken" } }]);
  await expect(run(port)).rejects.toMatchObject({ code: "lock.held", exitCode: 1 });
});

test("a run whose connection is gone is lost", async () => {
  const { port } = scriptedPort([{ state: "running" }, { state: "lost" }]);
  await expect(run(port)).rejects.toMatchObject({ code: "run.lost" });
});

test("a run that does not begin within the event's age is unknown", async () => {
  const { port } = scriptedPort([{ state: "unknown" }]);
  const clock = createDrivenClock();
  await expect(run(port, { clock })).rejects.toMatchObject({ code: "run.unknown" });
  expect(clock.nowMs()).toBeGreaterThan(90_000);
  expect(clock.nowMs()).toBeLessThan(92_000);
});

test("a run that has begun may take longer than that", async () => {
  const polls: Poll[] = Array.from({ length: 200 }, () => ({ state: "running" }));
  const { port } = scriptedPort([...polls, { state: "ended", result: "late" }]);
  expect(await run(port)).toBe("late");
});

describe("when AWS fails", () => {
  test("an event that was refused is not watched", async () => {
    const { port, polled } = scriptedPort([{ state: "unknown" }], () => Promise.reject(failed));
    await expect(run(port)).rejects.toBe(failed);
    expect(polled()).toBe(0);
  });

  test("an event whose answer was lost is watched, and not sent again", async () => {
    const { port, events } = scriptedPort([{ state: "ended", result: "there" }], () => Promise.reject(unanswered));
    expect(await run(port)).toBe("there");
    expect(events).toHaveLength(1);
  });

  test("some polls may fail", async () => {
    const { port } = scriptedPort([failed, failed, failed, failed, { state: "ended", result: "there" }]);
    expect(await run(port)).toBe("there");
  });

  test("five failed polls in a row are too many", async () => {
    const { port, polled } = scriptedPort([{ state: "running" }, failed]);
    await expect(run(port)).rejects.toBe(failed);
    expect(polled()).toBe(6);
  });

  test("missing credentials are not polled away", async () => {
    const expired = new PosternError("aws.credentials", "expired");
    const { port, polled } = scriptedPort([expired]);
    await expect(run(port)).rejects.toBe(expired);
    expect(polled()).toBe(1);
  });
});

test("an abort stops the watching and says that the run goes on", async () => {
  const abort = new AbortController();
  const { port } = scriptedPort([{ state: "running" }]);
  const stopped = run(port, { signal: abort.signal, onState: () => abort.abort() });
  await expect(stopped).rejects.toMatchObject({ code: "aborted", message: expect.stringContaining("goes on") });
});

test.each([
  ["push", /^End it with `postern migrate --cancel \S+`/],
  ["rehearse", /^End it with `postern migrate --cancel \S+`/],
  ["seed", /^Watch it again with --run-id (\S+), end it with --cancel \1\.$/],
  ["migrate", /^Watch it again with --run-id (\S+), end it with --cancel \1\.$/],
])("an abort while a %s run is watched names what that verb has", async (action, hint) => {
  const abort = new AbortController();
  const { port } = scriptedPort([{ state: "running" }]);
  const asked = { action, requestedBy: "me" } as RunRequest;
  const stopped = run(port, { request: asked, signal: abort.signal, onState: () => abort.abort() });
  await expect(stopped).rejects.toMatchObject({ code: "aborted", hint: expect.stringMatching(hint) });
});

test("a run that was queued before is watched, and not queued again while it has not begun", async () => {
  const { port, events } = scriptedPort([{ state: "unknown" }, { state: "unknown" }, { state: "ended", result: 1 }]);
  expect(await run(port, { runId: "queued-before", isQueued: true })).toBe(1);
  expect(events).toEqual([]);
});

test("an abort names what watches the run again", async () => {
  const abort = new AbortController();
  const { port } = scriptedPort([{ state: "unknown" }, { state: "running" }]);
  const watching = { runId: "run-of-mine", signal: abort.signal, onState: () => abort.abort() };
  await expect(run({ ...port, watchFlags: "--long-run --run-id" }, watching)).rejects.toMatchObject({
    hint: "Watch it again with --long-run --run-id run-of-mine, end it with --cancel run-of-mine.",
  });
});

test("the id of a run of another action is refused, and nothing is queued", async () => {
  const { port, events } = scriptedPort([{ state: "ended", action: "rehearse", result: {} }]);
  const watching = run(port, { runId: "a-rehearsal" });
  await expect(watching).rejects.toMatchObject({ code: "usage.invalid", message: expect.stringContaining("rehearse") });
  expect(events).toEqual([]);
});
