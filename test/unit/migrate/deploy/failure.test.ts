import { describe, expect, test } from "vitest";
import { type ErrorCode, PosternError } from "#lib/base/errors.ts";
import { describeDeployFailure } from "#lib/migrate/deploy/failure.ts";

const tell = (code: ErrorCode, message: string, sqlState?: string) =>
  describeDeployFailure(new PosternError(code, message, { sqlState, hint: "Do this." })).message;

describe("what a deploy tells of a failure", () => {
  test.each([
    ["reference/01-currencies.ndjson line 3, table public.currencies, column rate", "22P02"],
    ["reference/01-currencies.csv.gz line 3, table public.currencies", "23514"],
    ["demo/10-customers.ts row 7, table public.customers", "23505"],
    ["demo/10-customers.ts rows 1 to 1000, table public.customers", "P0001"],
    ["demo/90-views.sql:4:1", "P0001"],
    ["demo/90-views.sql, when it was committed", "23503"],
    ["0001_step, statement 1 of 1: 0001_step.sql:1:13", "23514"],
  ])("the place and nothing that the server says: %s", (place, sqlState) => {
    expect(tell("seed.failed", `${place}: no Lovelace: here, table Lovelace: please.`, sqlState)).toBe(
      `seed.failed: ${place}: refused by the server with SQLSTATE ${sqlState}; its words are left out here, for they may quote a row. Do this.`,
    );
  });

  test("no words of the server where there is no place, whatever they look like", () => {
    const words = "Lovelace said demo/01-x.csv line 3: this, and Lovelace.sql: that";
    expect(tell("db.failed", words, "22000")).not.toContain("Lovelace");
  });

  test.each([
    "demo/10-customers.ts failed after row 3",
    "demo/10-customers.ts cannot be loaded",
    "A seed module failed",
  ])("of a seed module's own error that it failed, and not its words: %s", (what) => {
    for (const code of ["seed.invalid-file", "seed.failed"] as const) {
      const told = tell(code, `${what}: Lovelace: failed after row 9: Lovelace`);
      expect(told).toBe(
        `${code}: ${what}; the module's own words are left out here, for they may quote a row. Do this.`,
      );
    }
  });

  test("all of what Postern itself found wrong with a seed set", () => {
    const message = "reference/01-a.csv: there is no table a in this database.";
    expect(tell("seed.invalid-file", message)).toBe(`seed.invalid-file: ${message} Do this.`);
  });
});
