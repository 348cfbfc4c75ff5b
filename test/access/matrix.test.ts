import { describe, expect, it } from "vitest";
import { matrix } from "./matrix/all.ts";
import { printMatrix } from "./matrix/print.ts";
import { evaluateRow, type Row } from "./matrix/row.ts";
import { synthesisedExample } from "./synthesise.ts";

const stacks = synthesisedExample();

describe.each(Object.entries(matrix))("%s", (_title, rows) => {
  it.each(rows.map((row) => [title(row), row] as const))("%s", async (_name, row) => {
    const decided = await evaluateRow(row, stacks);
    const others = decided.filter(({ decision }) => decision !== row.decision);
    expect(others.map(({ principal, decision }) => `${principal.name}: ${decision}`)).toStrictEqual([]);
  });
});

it("is printed for whoever approves the policies", async () => {
  await expect(printMatrix(matrix)).toMatchFileSnapshot("../../docs/access-matrix.md");
});

it("denies each action that it allows, too, but what nobody is refused", () => {
  const rows = Object.values(matrix).flat();
  const denied = new Set(rows.filter(({ decision }) => decision !== "allow").map(({ action }) => action));
  const allowed = new Set(rows.filter(({ decision }) => decision === "allow").map(({ action }) => action));
  expect([...allowed.difference(denied)]).toStrictEqual(["sts:GetCallerIdentity"]);
});

function title({ as, action, on, decision, because }: Row): string {
  const targets = [on].flat().map(({ name }) => name);
  return `${decision}: ${as.name}: ${action} on ${targets.join(" and ")} (${because})`;
}
