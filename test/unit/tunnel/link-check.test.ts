import { expect, test } from "vitest";
import { AddressWatch } from "#lib/tunnel/address-watch.ts";
import { checkDeadlineMs, checkLink } from "#lib/tunnel/link-check.ts";
import { createSteppedClock } from "../../support/stepped-clock.ts";
import { fakePostgres } from "../../support/tunnel/fake-postgres.ts";
import { createFakeTransport, type FarEnd } from "../../support/tunnel/fake-transport.ts";

const { signal } = new AbortController();

const first = ["10.0.0.1"];

/** Through a link to `farEnd`, while the database's name leads to `first`, and then to `next`. */
async function check(farEnd: FarEnd, { isResuming = false, next = first } = {}) {
  const clock = createSteppedClock();
  await using link = await createFakeTransport(farEnd).connect(signal);
  Object.assign(link, { isResuming });
  const answers = [first, next];
  // oxlint-disable-next-line typescript/require-await -- a real one asks the resolver
  const addresses = new AddressWatch(async () => answers.shift() ?? next, clock);
  await addresses.remember(signal);
  const checking = checkLink(link, addresses, { clock, signal, deadlineMs: 4_000 });
  await clock.advance(4_000);
  return { found: await checking, openStreams: link.vitals().openStreams, sleeping: clock.sleeping };
}

const nothingLeft = { openStreams: 0, sleeping: 0 };

test("a link through which PostgreSQL answers, where the name still leads, is well", async () => {
  const well = { found: { kind: "answered", answerMs: 0 }, ...nothingLeft };
  expect(await check(fakePostgres("S"))).toEqual(well);
  expect(await check(fakePostgres("S"), { next: ["10.0.0.2", "10.0.0.1"] })).toEqual(well);
});

test("one that answers while the name leads elsewhere has moved: it is the server that was the primary", async () => {
  expect(await check(fakePostgres("S"), { next: ["10.0.0.2"] })).toMatchObject({
    found: { kind: "moved", answerMs: 0, reason: { code: "endpoint.closed", message: /failover/u } },
    ...nothingLeft,
  });
});

test("one through which nothing answers fails, whatever the name says", async () => {
  const found = { kind: "failed", reason: { code: "endpoint.silent" } };
  expect(await check(fakePostgres("silent"), { next: ["10.0.0.2"] })).toMatchObject({ found, ...nothingLeft });
});

test("one that resumes is not asked: the question would wait with all others for it to come back", async () => {
  let asked = 0;
  const found = await check(
    async (stream) => {
      asked += 1;
      return await fakePostgres("S")(stream);
    },
    { isResuming: true },
  );
  expect(found).toMatchObject({ found: { kind: "failed", reason: { message: /on its way back/u } }, ...nothingLeft });
  expect(asked).toBe(0);
});

test.each([
  [4_000, false, false, 4_000],
  [4_000, false, true, 2_500],
  [4_000, true, false, 2_000],
  [4_000, true, true, 2_000],
  [1_000, false, true, 1_000],
])("of %i ms, woken %s, doubted %s: the answer is due after %i", (healthDeadlineMs, hasWoken, isDoubted, dueMs) => {
  expect(checkDeadlineMs(healthDeadlineMs, { hasWoken, isDoubted })).toBe(dueMs);
});
