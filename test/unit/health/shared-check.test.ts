import { expect, test, vi } from "vitest";
import { shareCheck } from "#lib/health/shared-check.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";

test("a hundred who ask at once cause one check", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const check = vi.fn<() => Promise<string>>(() => promise);
  const ask = shareCheck(check, { clock: createDrivenClock() });
  const answers = Array.from({ length: 100 }, () => ask());
  resolve("ok");
  expect(new Set(await Promise.all(answers))).toEqual(new Set(["ok"]));
  expect(check).toHaveBeenCalledTimes(1);
});

test("a result serves for five seconds from its end", async () => {
  const clock = createDrivenClock();
  let checks = 0;
  const check = async (): Promise<number> => {
    clock.advance(2000);
    checks += 1;
    return checks;
  };
  const ask = shareCheck(check, { clock });
  expect(await ask()).toBe(1);
  clock.advance(4999);
  expect(await ask()).toBe(1);
  clock.advance(1);
  expect(await ask()).toBe(2);
});

test("a failure is everybody's who asked, and the next one asks anew", async () => {
  const check = vi.fn<() => Promise<string>>(async () => "ok").mockRejectedValueOnce(new Error("broken deploy"));
  const ask = shareCheck(check, { clock: createDrivenClock() });
  const [first, second] = await Promise.allSettled([ask(), ask()]);
  expect([first.status, second.status]).toEqual(["rejected", "rejected"]);
  expect(await ask()).toBe("ok");
  expect(check).toHaveBeenCalledTimes(2);
});
