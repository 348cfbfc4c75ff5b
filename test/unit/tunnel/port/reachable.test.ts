import { expect, test } from "vitest";
import { reachable } from "#lib/tunnel/port/reachable.ts";

test.each([
  ["0.0.0.0", "127.0.0.1"],
  ["::", "::1"],
  ["127.0.0.1", "127.0.0.1"],
  ["192.0.2.7", "192.0.2.7"],
])("a port that listens on %s is reached at %s", (bound, host) => {
  expect(reachable(bound)).toBe(host);
});
