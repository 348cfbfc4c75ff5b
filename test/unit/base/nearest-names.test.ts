import { expect, test } from "vitest";
import { nearestNames } from "#lib/base/nearest-names.ts";

const names = ["0000_customers", "0001_products", "0002_orders", "0003_marketing-consent"];

test.each([
  ["0001_product", "0001_products"],
  ["001_products", "0001_products"],
  ["orders", "0002_orders"],
  ["0003_MARKETING_CONSENT", "0003_marketing-consent"],
  ["", "0002_orders"],
])("near %j is %s", (typed, expected) => {
  expect(nearestNames(typed, names)[0]).toBe(expected);
});

test("a few are named, and no more than there are", () => {
  expect(nearestNames("x", names)).toHaveLength(3);
  expect(nearestNames("x", names.slice(0, 1))).toEqual(["0000_customers"]);
  expect(nearestNames("x", [])).toEqual([]);
});
