import { expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import { delayBefore, resumeSession } from "#lib/tunnel/ssm/channel/resume.ts";
import { createDrivenClock } from "../../../../support/driven-clock.ts";

const run = async (
  fetchToken: () => Promise<string | undefined>,
  dial = async (token: string) => `socket with ${token}`,
) => {
  const clock = createDrivenClock();
  const failed: string[] = [];
  const options = {
    clock,
    sessionId: "s-1",
    attempt: 0,
    onFailedAttempt: ({ code }: PosternError) => void failed.push(code),
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

test.each(["aws.credentials", "aws.permission", "aws.clock-skew"] as const)(
  "does not wait for %s to pass",
  async (code) => {
    const { outcome } = await run(async () => {
      throw new PosternError(code, "no");
    });
    expect(outcome).toMatchObject({ code });
  },
);

test("waits longer each time, never more than 5 s, and not at all before the first", () => {
  const delays = Array.from({ length: 9 }, (_, attempt) => delayBefore(attempt, () => 0));
  expect(delays).toEqual([0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  expect(delayBefore(5, () => 1)).toBe(800);
});
