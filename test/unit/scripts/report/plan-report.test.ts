import { expect, test } from "vitest";
import type { PlanResult } from "#lib/protocol.ts";
import { describePlan } from "../../../../scripts/report/plan-report.ts";
import { plainStyle } from "../../../../scripts/style.ts";

const plan: PlanResult = {
  pending: [
    {
      tag: "0001_orders",
      transactional: true,
      statements: 2,
      steps: [
        { line: 1, sql: "alter table orders\n  add column c int", locks: [lock("none")] },
        { line: 4, sql: "drop table old", locks: [] },
      ],
      hazards: [
        { code: "drop.table", severity: "danger", table: "public.old", message: "Gone.", line: 4, destructive: true },
      ],
    },
    {
      tag: "0002_index",
      transactional: false,
      statements: 2,
      steps: [
        {
          line: 1,
          sql: "create table t ()",
          done: true,
          locks: [],
        },
        {
          line: 2,
          sql: "create index concurrently i on orders (c)",
          outsideTransaction: "WHY",
          locks: [lock("build")],
        },
      ],
      hazards: [],
    },
  ],
  findings: [],
  destructive: true,
  planHash: "abc",
};

function lock(work: "none" | "build") {
  return { table: "public.orders", mode: work === "none" ? "ACCESS EXCLUSIVE" : "SHARE UPDATE EXCLUSIVE", work };
}

test("a plan shows each statement with its locks, and each hazard below its statement", () => {
  expect(describePlan(plan, plainStyle).split("\n")).toEqual([
    "0001_orders  2 statements, in one transaction",
    "  1: alter table orders add column c int",
    "     ACCESS EXCLUSIVE on public.orders",
    "  4: drop table old",
    "     danger public.old: Gone. [drop.table]",
    "",
    "0002_index  2 statements, not in a transaction: statement by statement",
    "  1: create table t ()",
    "     done in an earlier run",
    "  2: create index concurrently i on orders (c)",
    "     outside a transaction: WHY",
    "     SHARE UPDATE EXCLUSIVE on public.orders, builds an index",
    "",
    "2 pending, 1 danger, destructive; apply with `postern migrate`; on a protected stage: `postern migrate --approve abc`",
    "plan abc",
  ]);
});

test("a plan with findings names them, and does not say to apply", () => {
  const findings = [{ code: "history.edited", tag: "0000_x", message: "It was edited." }];
  const text = describePlan({ ...plan, findings }, plainStyle);
  expect(text).toContain("! It was edited. [history.edited]");
  expect(text).not.toContain("apply with");
});

test("an empty plan says so", () => {
  expect(describePlan({ ...plan, pending: [], destructive: false }, plainStyle)).toBe("nothing is pending");
});

test("a plan whose findings are let be marks them, and says with which flags to apply", () => {
  const findings = [{ code: "history.edited", tag: "0000_x", message: "It was edited." }];
  const text = describePlan({ ...plan, findings }, plainStyle, ["history.edited"]);
  expect(text).toContain("allowed It was edited. [history.edited]");
  expect(text).toContain("apply with `postern migrate --allow-edited`");
});
