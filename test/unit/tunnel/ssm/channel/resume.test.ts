import { expect, test } from "vitest";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { LogFields } from "#lib/base/log.ts";
import { delayBefore, resumeSession } from "#lib/tunnel/ssm/channel/resume.ts";
import { Interruptible } from "#lib/tunnel/interruptible.ts";
import { createDrivenClock } from "../../../../support/driven-clock.ts";

const run = async (
  fetchToken: () => Promise<string | undefined>,
  dial = async (token: string) => `socket with ${token}`,
  isAwaited = () => false,
) => {
  const clock = createDrivenClock();
  const failed: unknown[] = [];
  const options = {
    clock,
    sessionId: "s-1",
    attempt: 0,
    isAwaited,
    pauses: new Interruptible(),
    log: { info: (_text: string, facts?: LogFields) => void failed.push(facts?.["code"]), warn: () => {} },
    signal: new AbortController().signal,
  };
  const outcome = await resumeSession({ fetchToken, dial }, options).catch((error: unknown) => error);
  return { outcome, failed, ms: clock.nowMs() };
};

test("goes on until it has a token and a socket", async () => {
  let tries = 0;
  const { outcome, failed, ms } = await run(
    async () => {
      tries += 1;
      if (tries < 4) throw new PosternError("aws.failed", "no network");
      return `token ${tries}`;
    },
    async (token) => {
      if (tries < 6) throw new PosternError("ssm.lost", "no socket");
      return token;
    },
  );
  expect(outcome).toBe("token 6");
  expect(failed).toEqual(["aws.failed", "aws.failed", "aws.failed", "ssm.lost", "ssm.lost"]);
  expect(ms).toBeGreaterThan(1500);
  expect(ms).toBeLessThanOrEqual(3100);
});

test("a session that is gone is not asked for again", async () => {
  const { outcome, failed } = await run(async () => undefined);
  expect(outcome).toMatchObject({ code: "ssm.session-ended" });
  expect(failed).toEqual([]);
});

test.each(["aws.credentials", "aws.permission", "aws.clock-skew", "stage.not-running"] as const)(
  "does not wait for %s to pass",
  async (code) => {
    const { outcome } = await run(async () => {
      throw new PosternError(code, "no");
    });
    expect(outcome).toMatchObject({ code });
  },
);

test("waits longer each time, never more than 5 s, and not at all before the first", () => {
  const delays = Array.from({ length: 9 }, (_, attempt) => delayBefore({ attempt }, 1));
  expect(delays).toEqual([0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  expect(delayBefore({ attempt: 5 }, 0)).toBe(800);
});

test("waits half a second at most while somebody waits, after a minute three", () => {
  expect(delayBefore({ attempt: 9, isAwaited: true, outageMs: 59_000 }, 1)).toBe(500);
  expect(delayBefore({ attempt: 9, isAwaited: true, outageMs: 61_000 }, 1)).toBe(3000);
});

const failing = (times: number) => {
  let tries = 0;
  return async () => {
    tries += 1;
    if (tries <= times) throw new PosternError("aws.failed", "no network");
    return `token ${tries}`;
  };
};

test("is back sooner where somebody waits", async () => {
  expect((await run(failing(8), undefined, () => true)).ms).toBeLessThanOrEqual(3200);
  expect((await run(failing(8))).ms).toBeGreaterThan(5000);
});

test("tries at once when somebody begins to wait in a long pause; an abort ends it", async () => {
  const pauses = new Interruptible();
  const stop = new AbortController();
  let isAwaited = false;
  const slept: number[] = [];
  const clock: Clock = {
    nowMs: () => 10_000 * slept.length,
    wallTime: () => new Date(),
    sleep: async (ms, signal) => {
      slept.push(ms);
      await new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(new Error("nudged"))));
    },
  };
  const failures: unknown[] = [];
  const log = { info: (_text: string, facts?: LogFields) => void failures.push(facts?.["attempt"]), warn: () => {} };
  const steps = { fetchToken: failing(Infinity), dial: async () => "socket" };
  const options = { clock, sessionId: "s-1", attempt: 7, isAwaited: () => isAwaited, pauses, log };
  const resumed = resumeSession(steps, { ...options, signal: stop.signal });
  await expect.poll(() => slept.length).toBe(1);
  expect(failures).toEqual([]);
  isAwaited = true;
  pauses.nudge();
  await expect.poll(() => failures).toEqual([8]);
  stop.abort(new Error("enough"));
  await expect(resumed).rejects.toThrow("enough");
});
