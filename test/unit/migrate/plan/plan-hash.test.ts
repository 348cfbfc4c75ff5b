import { expect, it } from "vitest";
import { hashPlan } from "#lib/migrate/plan/plan-hash.ts";
import { makeMigration } from "../../../support/migrations.ts";

const [first, second] = [makeMigration("select 1", 0), makeMigration("select 2", 1)];
const applied = [
  { checksum: "a", when: 1 },
  { checksum: "b", when: 2 },
];
const hash = hashPlan({ pending: [first, second] }, applied);

it("is the same for the same plan, in whatever order the rows come and whenever they were applied", () => {
  expect(hash).toMatch(/^[0-9a-f]{64}$/u);
  const rows = applied.toReversed().map(({ checksum, when }) => ({ checksum, when, appliedAt: new Date() }));
  expect(hashPlan({ pending: [first, second] }, rows)).toBe(hash);
});

it.each([
  ["another file", [first, { ...second, checksum: "other" }], applied],
  ["another name", [first, { ...second, tag: "0001_other" }], applied],
  ["another order", [second, first], applied],
  ["one less", [first], applied],
  ["one more", [first, second, makeMigration("select 3", 2)], applied],
  ["another history", [first, second], [...applied, { checksum: "c", when: 3 }]],
  [
    "an edited history",
    [first, second],
    [
      { checksum: "a", when: 1 },
      { checksum: "x", when: 2 },
    ],
  ],
])("is another for %s", (_what, pending, rows) => {
  expect(hashPlan({ pending }, rows)).not.toBe(hash);
});
