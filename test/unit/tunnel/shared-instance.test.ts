import { expect, test } from "vitest";
import { SharedInstance } from "#lib/tunnel/shared-instance.ts";

function createThing() {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  return {
    ended,
    end: resolve,
    // oxlint-disable-next-line typescript/require-await -- a port's shape
    [Symbol.asyncDispose]: async () => resolve(),
  };
}

type Thing = ReturnType<typeof createThing>;

function scene() {
  const made: Thing[] = [];
  const shared = new SharedInstance<Thing>();
  const make = async () => {
    const thing = createThing();
    made.push(thing);
    return await Promise.resolve(thing);
  };
  return { made, shared, make };
}

test("whoever asks gets the same one, also while it is being opened", async () => {
  const { made, shared, make } = scene();
  expect(shared.current).toBeUndefined();
  const [first, second] = await Promise.all([shared.open(make), shared.open(make)]);
  expect([made.length, first === second, shared.current === first]).toEqual([1, true, true]);
});

test("one that has ended, or was never opened, makes room for another", async () => {
  const { made, shared, make } = scene();
  await expect(shared.open(async () => await Promise.reject(new Error("no key")))).rejects.toThrow("no key");
  const first = await shared.open(make);
  first.end();
  await expect.poll(() => shared.current).toBeUndefined();
  expect(await shared.open(make)).toBe(made[1]);
});

test("a reset disposes it, also one that is still being opened", async () => {
  const { made, shared, make } = scene();
  void shared.open(make);
  await shared.reset();
  await made[0]?.ended;
  expect(shared.current).toBeUndefined();
  const second = await shared.open(make);
  expect([second === made[1], shared.current === second]).toEqual([true, true]);
  await shared.reset();
  await second.ended;
  await shared.reset();
});
