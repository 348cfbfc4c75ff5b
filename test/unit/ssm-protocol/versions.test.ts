import { describe, expect, test } from "vitest";
import { featuresOfAgent, featuresOfClient, isNewerThan } from "#lib/ssm-protocol/versions.ts";

describe("versions", () => {
  test.each([
    ["3.3.1142.0", true, false],
    ["3.1.1512.0", true, false],
    ["3.1.1511.0", true, true],
    ["3.0.197.0", true, true],
    ["3.0.196.0", false, true],
    ["2.3.1.0", false, true],
    ["unknown", false, true],
    ["", false, true],
  ])("an agent %s: multiplexes %s, needs NOP frames %s", (version, multiplexes, needsKeepAlive) => {
    expect(featuresOfAgent(version)).toEqual({ multiplexes, needsKeepAlive });
  });

  test.each([
    ["1.2.677.0", true, false],
    ["1.2.331.0", true, true],
    ["1.1.70", true, true],
    ["1.1.70.0", true, true],
    ["1.1.69.9", false, true],
    ["1.1.9", false, true],
    ["v2", false, true],
  ])("a client %s: multiplexes %s, needs NOP frames %s", (version, multiplexes, needsKeepAlive) => {
    expect(featuresOfClient(version)).toEqual({ multiplexes, needsKeepAlive });
  });

  test("are compared as numbers, part by part, and missing parts are zeros", () => {
    expect(isNewerThan("3.10", "3.9.9.9")).toBe(true);
    expect(isNewerThan("3.1", "3.1.0.0")).toBe(false);
    expect(isNewerThan("3.1.0.1", "3.1")).toBe(true);
    expect(isNewerThan("9".repeat(400), "1.0")).toBe(false);
  });
});
