import { expect, it } from "vitest";
import { hashPlan } from "#lib/migrate/plan/plan-hash.ts";
import { makeMigration } from "../../../support/migrations.ts";

const [first, second] = [makeMigration("select 1", 0), makeMigration("select 2", 1)];
const applied = [
  { checksum: "a", when: 1 },
  { checksum: "b", when: 2 },
];
const steps = [
  { step: 1, checksum: "s", state: "done" },
  { step: 2, checksum: "t", state: "running" },
] as const;
const begun = new Map([[second.tag, steps]]);
const database = "7 5 app";
const state = { applied, begun, database };
const hash = hashPlan({ pending: [first, second] }, state);

it("is the same for the same plan, in whatever order the rows come and whenever they were applied", () => {
  expect(hash).toMatch(/^[0-9a-f]{64}$/u);
  const rows = applied.toReversed().map(({ checksum, when }) => ({ checksum, when, appliedAt: new Date() }));
  expect(hashPlan({ pending: [first, second] }, { ...state, applied: rows })).toBe(hash);
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
  expect(hashPlan({ pending }, { ...state, applied: rows })).not.toBe(hash);
});

it.each([
  ["nothing begun", { begun: new Map() }],
  ["a step less", { begun: new Map([[second.tag, steps.slice(0, 1)]]) }],
  ["a step that is done", { begun: new Map([[second.tag, steps.map((one) => ({ ...one, state: "done" as const }))]]) }],
  [
    "another statement in its place",
    { begun: new Map([[second.tag, steps.map((one) => ({ ...one, checksum: "x" }))]]) },
  ],
  ["the same steps of another", { begun: new Map([[first.tag, steps]]) }],
  ["another database", { database: "7 6 app" }],
])("is another for %s", (_what, different) => {
  expect(hashPlan({ pending: [first, second] }, { ...state, ...different })).not.toBe(hash);
});
