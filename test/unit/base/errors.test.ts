import { expect, it } from "vitest";
import { toPosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";

it.each(["AbortError", "TimeoutError"])("what ended with a signal's %s was aborted, and is no defect", (name) => {
  const reason = new DOMException("The operation was aborted", name);
  expect(toPosternError(reason)).toMatchObject({ code: "aborted", cause: reason });
  expect(toDatabaseError(reason, "waiting")).toMatchObject({ code: "aborted" });
});
