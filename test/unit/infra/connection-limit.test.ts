import { expect, it } from "vitest";
import { connectionLimit } from "../../../infra/alarms/connection-limit.ts";

it.each([
  ["t4g.micro", 112],
  ["t4g.small", 225],
  ["t4g.medium", 450],
  ["m7g.large", 901],
  ["r8g.large", 1802],
  ["r8g.xlarge", 3604],
  ["r8g.2xlarge", 5000],
])("RDS lets about so many connections into %s: %i", (instanceClass, limit) => {
  expect(connectionLimit(instanceClass)).toBe(limit);
});
