import { expect, test } from "vitest";
import { chooseAccess } from "../../../../scripts/psql/access-options.ts";

const dev = { protected: false, stage: "dev" };
const production = { protected: true, stage: "production" };

test("on a protected stage one reads, and writes only for a reason, which the server is told", () => {
  expect(chooseAccess({}, production, "ada")).toEqual({
    role: "readonly",
    applicationName: "postern ada",
    hasReason: false,
  });
  expect(chooseAccess({ write: true, reason: "TICKET-42, undo order 7" }, production, "ada")).toEqual({
    role: "operator",
    applicationName: "postern ada: TICKET-42, undo order 7",
    hasReason: true,
  });
  expect(() => chooseAccess({ write: true }, production, "ada")).toThrow(/--write on the protected stage production/u);
});

test("elsewhere one may write without asking", () => {
  expect(chooseAccess({}, dev, "ada")).toEqual({
    role: "operator",
    applicationName: "postern ada",
    hasReason: false,
  });
  expect(chooseAccess({ write: true, reason: "why not" }, dev, "ada")).toMatchObject({ role: "operator" });
});

test.each(["", "   ", "für Ada", "two\nlines", "x".repeat(64)])("the reason %j is refused, not cut", (reason) => {
  expect(() => chooseAccess({ write: true, reason }, production, "ada")).toThrow(
    expect.objectContaining({ code: "usage.invalid", message: expect.stringContaining("printable ASCII") }),
  );
});

test("the longest reason and a long name fit what PostgreSQL keeps", () => {
  const { applicationName } = chooseAccess({ write: true, reason: "x".repeat(37) }, production, "ä".repeat(40));
  expect(applicationName).toHaveLength(63);
});

test("a reason without --write is a mistake", () => {
  expect(() => chooseAccess({ reason: "TICKET-42" }, production, "ada")).toThrow(/--reason goes with --write/u);
});
