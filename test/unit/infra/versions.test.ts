import { describe, expect, it } from "vitest";
import { findVersionProblem, isMajorUpgrade, isNewEnough } from "../../../infra/database/versions.ts";

describe("a database that runs PostgreSQL 17.6", () => {
  it.each([
    ["17", true],
    ["17.5", true],
    ["17.6", true],
    // As numbers, not as text.
    ["17.10", false],
    ["18", false],
  ])("is as new as %s: %s", (version, expected) => {
    expect(isNewEnough({ version }, "17.6")).toBe(expected);
  });

  it.each([
    [{ version: "17" }],
    [{ version: "17.10" }],
    [{ version: "17.1", upgradeFrom: "16" }],
    [{ version: "18", upgradeFrom: "17" }],
  ])("may be deployed with %j", (wanted) => {
    expect(findVersionProblem(wanted, "17.6")).toBeUndefined();
  });

  it.each([
    [{ version: "18" }, 'set database.upgradeFrom to "17"'],
    [{ version: "18.1", upgradeFrom: "16" }, 'set database.upgradeFrom to "17"'],
    [{ version: "16.9" }, "RDS cannot go back; expected 17"],
    [{ version: "16.9", upgradeFrom: "17" }, "RDS cannot go back; expected 17"],
  ])("is refused with %j", (wanted, problem) => {
    expect(findVersionProblem(wanted, "17.6")).toContain(problem);
  });

  it("is upgraded where the major version is another one, and only where there is a database", () => {
    expect(isMajorUpgrade({ version: "18.1" }, "17.6")).toBe(true);
    expect(isMajorUpgrade({ version: "17.10" }, "17.6")).toBe(false);
    expect(isMajorUpgrade({ version: "18.1" }, undefined)).toBe(false);
  });
});
