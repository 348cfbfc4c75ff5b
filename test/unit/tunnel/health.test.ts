import { expect, test } from "vitest";
import type { PosternError } from "#lib/base/errors.ts";
import { askPostgres } from "#lib/tunnel/health.ts";
import { createSteppedClock } from "../../support/stepped-clock.ts";
import { fakePostgres } from "../../support/tunnel/fake-postgres.ts";
import { createFakeTransport, type FarEnd, lost } from "../../support/tunnel/fake-transport.ts";

async function ask(farEnd: FarEnd, deadlineMs = 5_000) {
  const clock = createSteppedClock();
  const { signal } = new AbortController();
  const transport = createFakeTransport(farEnd);
  await using link = await transport.connect(signal);
  const asking = askPostgres(link, { clock, signal, deadlineMs }).catch((error: PosternError) => error);
  await clock.advance(deadlineMs);
  const outcome = await asking;
  return { outcome, openStreams: link.vitals().openStreams, sleeping: clock.sleeping };
}

const nothingLeft = { openStreams: 0, sleeping: 0 };

test.each(["S", "N"] as const)("PostgreSQL that answers %s is well", async (answer) => {
  expect(await ask(fakePostgres(answer))).toEqual({ outcome: 0, ...nothingLeft });
});

test.each([
  ["silence", fakePostgres("silent"), "endpoint.silent"],
  ["a close", fakePostgres("close"), "endpoint.closed"],
  ["PostgreSQL's error", fakePostgres(Buffer.from("E\0\0\0\x10SFATAL\0\0")), "db.unavailable"],
  ["a stranger's bytes", fakePostgres(Buffer.from("HTTP/1.1 400 Bad Request\r\n")), "endpoint.not-postgres"],
  ["a stream that does not open", () => Promise.reject(lost()), "ssm.lost"],
] as const)("%s says why it is not", async (_, farEnd, code) => {
  expect(await ask(farEnd)).toMatchObject({ outcome: { name: "PosternError", code }, ...nothingLeft });
});

test("an abort ends it with the signal's reason", async () => {
  const clock = createSteppedClock();
  const stop = new AbortController();
  await using link = await createFakeTransport(fakePostgres("silent")).connect(stop.signal);
  const asking = askPostgres(link, { clock, signal: stop.signal, deadlineMs: 5_000 });
  stop.abort(new Error("enough"));
  await expect(asking).rejects.toThrow("enough");
  await clock.advance(0);
  expect([link.vitals().openStreams, clock.sleeping]).toEqual([0, 0]);
});
