import { describe, expect, it } from "vitest";
import { isUsableRange, overlaps, subnetRanges } from "../../../infra/settings/ranges.ts";

describe("the ranges of a VPC", () => {
  it.each(["10.40.0.0/16", "172.20.0.0/20", "192.168.4.0/22", "100.64.0.0/16"])("may be %s", (range) => {
    expect(isUsableRange(range)).toBe(true);
  });

  it.each([
    ["a public range", "52.0.0.0/16"],
    ["larger than AWS allows", "10.0.0.0/8"],
    ["too small for Lambda in each subnet", "10.0.0.0/24"],
    ["bits behind the prefix", "10.0.1.0/16"],
    ["no number", "10.0.0.x/16"],
    ["an octet of 256", "10.256.0.0/16"],
    ["a leading zero", "010.0.0.0/16"],
    ["no prefix", "10.0.0.0"],
  ])("are refused: %s", (_why, range) => {
    expect(isUsableRange(range)).toBe(false);
  });

  it("overlap when one is in the other, and not when they only touch", () => {
    expect(overlaps("10.0.0.0/8", "10.40.0.0/16")).toBe(true);
    expect(overlaps("10.40.0.0/16", "10.0.0.0/8")).toBe(true);
    expect(overlaps("10.40.0.0/16", "10.41.0.0/16")).toBe(false);
  });

  it("are divided into subnets that lie within and never overlap", () => {
    const subnets = [0, 1, 2, 3].flatMap((zone) => Object.values(subnetRanges("10.40.0.0/22", zone)));
    expect(subnets).toHaveLength(8);
    for (const [index, subnet] of subnets.entries()) {
      expect(overlaps(subnet, "10.40.0.0/22")).toBe(true);
      for (const other of subnets.slice(index + 1)) expect(overlaps(subnet, other)).toBe(false);
    }
    expect(subnets.at(-1)).toBe("10.40.3.128/25");
    expect(() => subnetRanges("10.40.0.0/22", 4)).toThrow(RangeError);
  });
});
