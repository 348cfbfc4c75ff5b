import { describe, expect, test } from "vitest";
import { AwsError } from "#lib/local/aws/aws-error.ts";
import { moveStage, putVersion, type Secret } from "#lib/local/aws/secret-versions.ts";

const none: Secret = { name: "s", arnSuffix: "abcdef", versions: [] };

function put(secret: Secret, id: string, stages: readonly string[] = ["AWSCURRENT"], value = `value of ${id}`): Secret {
  return putVersion(secret, { id, value, createdAt: "2026-01-01T00:00:00.000Z", stages });
}

/** The versions with their labels, and nothing else. */
function stagesOf(secret: Secret): Record<string, readonly string[]> {
  return Object.fromEntries(secret.versions.map(({ id, stages }) => [id, stages]));
}

function codeOf(change: () => unknown): string | undefined {
  try {
    change();
    return undefined;
  } catch (error) {
    return error instanceof AwsError ? error.code : String(error);
  }
}

describe("putting a version", () => {
  test("the first is current, whatever else it is", () => {
    expect(stagesOf(put(none, "1", ["AWSPENDING"]))).toEqual({ 1: ["AWSPENDING", "AWSCURRENT"] });
  });

  test("the next takes over; the one before stays as previous, the one before that is deleted", () => {
    const two = put(put(none, "1"), "2");
    expect(stagesOf(two)).toEqual({ 1: ["AWSPREVIOUS"], 2: ["AWSCURRENT"] });
    expect(stagesOf(put(two, "3"))).toEqual({ 2: ["AWSPREVIOUS"], 3: ["AWSCURRENT"] });
  });

  test("a label of its own leaves the current one alone", () => {
    expect(stagesOf(put(put(none, "1"), "2", ["AWSPENDING"]))).toEqual({ 1: ["AWSCURRENT"], 2: ["AWSPENDING"] });
  });

  test("the same again changes nothing; another value under the same id is refused", () => {
    const two = put(put(none, "1"), "2", ["AWSPENDING"]);
    expect(put(two, "2", ["AWSPENDING"])).toBe(two);
    expect(codeOf(() => put(two, "2", ["AWSPENDING"], "other"))).toBe("ResourceExistsException");
  });
});

describe("moving a label", () => {
  const pending = put(put(none, "1"), "2", ["AWSPENDING"]);

  test("AWSCURRENT leaves AWSPREVIOUS behind", () => {
    const moved = moveStage(pending, { stage: "AWSCURRENT", from: "1", to: "2" });
    expect(stagesOf(moved)).toEqual({ 1: ["AWSPREVIOUS"], 2: ["AWSPENDING", "AWSCURRENT"] });
  });

  test("back, as a rollback does, swaps the two", () => {
    const two = put(put(none, "1"), "2");
    const back = moveStage(two, { stage: "AWSCURRENT", from: "2", to: "1" });
    expect(stagesOf(back)).toEqual({ 1: ["AWSCURRENT"], 2: ["AWSPREVIOUS"] });
  });

  test("off a version deletes one that has no other", () => {
    expect(stagesOf(moveStage(pending, { stage: "AWSPENDING", from: "2", to: undefined }))).toEqual({
      1: ["AWSCURRENT"],
    });
  });

  test("a new label can be put on any version", () => {
    const labelled = moveStage(pending, { stage: "TESTED", from: undefined, to: "1" });
    expect(stagesOf(labelled)).toMatchObject({ 1: ["AWSCURRENT", "TESTED"] });
  });

  test.each([
    ["without saying where it is", { stage: "AWSCURRENT", from: undefined, to: "2" }, "InvalidParameterException"],
    ["from where it is not", { stage: "AWSCURRENT", from: "2", to: "2" }, "InvalidParameterException"],
    ["from a version that does not have it", { stage: "TESTED", from: "1", to: "2" }, "InvalidParameterException"],
    ["to a version that is not there", { stage: "AWSCURRENT", from: "1", to: "9" }, "ResourceNotFoundException"],
    ["nowhere from nowhere", { stage: "AWSCURRENT", from: undefined, to: undefined }, "InvalidParameterException"],
    ["AWSCURRENT off its version", { stage: "AWSCURRENT", from: "1", to: undefined }, "InvalidParameterException"],
  ])("%s is refused", (_case, move, code) => {
    expect(codeOf(() => moveStage(pending, move))).toBe(code);
  });
});
