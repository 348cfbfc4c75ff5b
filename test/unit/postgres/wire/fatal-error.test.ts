import { expect, test } from "vitest";
import { fatalErrorResponse } from "#lib/postgres/wire/fatal-error.ts";

test("an error response is what PostgreSQL sends: severity, code, text and hint", () => {
  const bytes = fatalErrorResponse({ sqlState: "57P03", message: "no\0 way", hint: "wait" });
  expect(bytes.toString("latin1", 0, 1)).toBe("E");
  expect(bytes.readUInt32BE(1)).toBe(bytes.length - 1);
  expect(bytes.toString("utf8", 5)).toBe("SFATAL\0VFATAL\0C57P03\0Mno way\0Hwait\0\0");
});
