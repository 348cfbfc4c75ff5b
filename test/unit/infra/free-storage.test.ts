import { describe, expect, it } from "vitest";
import { leastFreeBytes } from "../../../infra/alarms/free-storage.ts";

const gib = 2 ** 30;

/** The least that is free while a database fills up to its maximum, and RDS lets it grow as its docs say, late. */
function leastFreeOnTheWay(storageGb: number, maxStorageGb: number): number {
  let [allocated, least] = [storageGb, storageGb];
  for (let used = 0; allocated < maxStorageGb; used += storageGb / 100) {
    const free = allocated - used;
    least = Math.min(least, free);
    // Another 3 % of what there was are filled from when RDS should until it does.
    if (free <= allocated * 0.1 - storageGb * 0.03)
      allocated = Math.min(maxStorageGb, allocated + Math.max(10, allocated * 0.1));
  }
  return least;
}

describe("the least free storage before somebody has to look", () => {
  it.each([
    [20, 100],
    [20, 500],
    [100, 110],
    [400, 1000],
    [5000, 65_536],
  ])("is not reached by %i GB that grow up to %i, anywhere on the way", (storageGb, maxStorageGb) => {
    expect(leastFreeBytes({ storageGb, maxStorageGb })).toBeLessThan(leastFreeOnTheWay(storageGb, maxStorageGb) * gib);
  });

  it.each([
    ["has no other maximum", 40],
    ["has come to a maximum that was lowered", 30],
    ["has none, as RDS says it of an instance that does not grow", 0],
  ])("is that at which others grow, where storage %s", (_why, maxStorageGb) => {
    expect(leastFreeBytes({ storageGb: 40, maxStorageGb })).toBe(4 * gib);
  });
});
