import { expect, test } from "vitest";
import { setsCasing } from "../../../../scripts/options/casing.ts";

test.each([
  ['export default defineConfig({\n  dialect: "postgresql",\n  casing: "snake_case",\n});', true],
  ['export default { casing: "camelCase" };', true],
  ['{ "dialect": "postgresql", "casing": "snake_case" }', true],
  ["export default { schema: './schema.ts' }; // casing: none", false],
  ["  // casing: 'snake_case',", false],
])("%j sets casing: %s", (config, expected) => {
  expect(setsCasing(config)).toBe(expected);
});
