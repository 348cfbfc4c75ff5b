import { expect, it } from "vitest";
import { messageWithoutValues } from "#lib/migrate/seed/write/without-values.ts";

const serverError = (fields: Readonly<Record<string, string>>) =>
  Object.assign(new Error("no card like 4111 for ann"), { severity: "ERROR", ...fields });

it.each(["23514", "44000"])("a message of code %s that names nothing beside it is some function's own", (code) => {
  expect(messageWithoutValues(serverError({ code }), ["ann"])).toBe("no card like … for …");
});

it.each([
  { code: "23514", constraint: "cards" },
  { code: "23502", column: "card" },
  { code: "23502", dataType: "card" },
  { code: "23514", table: "cards" },
  { code: "44000", routine: "ExecWithCheckOptions" },
])("a message of the server itself is left as it is: %j", (fields) => {
  expect(messageWithoutValues(serverError(fields), ["ann"])).toMatch(/^no card like 4111 for ann/);
});
