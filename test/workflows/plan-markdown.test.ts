import { expect, test } from "vitest";
import type { PlanResult } from "#lib/protocol.ts";
import { planMarkdown } from "../../scripts/ci/plan-markdown.ts";

const planHash = "ab".repeat(32);
const place = "https://github.com/acme/shop/tree/abc/migrations";

function planOf(tag: string, sql: string, message = "rewrites the table"): PlanResult {
  return {
    pending: [
      {
        tag,
        transactional: true,
        statements: 1,
        steps: [{ line: 1, sql, locks: [] }],
        hazards: [{ code: "table.rewrite", severity: "danger", line: 1, table: "orders", message }],
      } as never,
    ],
    findings: [],
    destructive: true,
    planHash,
  };
}

test("the whole hash, how much is pending and that data is lost stand above the report", () => {
  const [above] = planMarkdown(planOf("0007_drop", "drop table orders"), "pr-12", place).split("<pre>");
  expect(above).toContain("### Migrations of `pr-12`");
  expect(above).toContain(`**1 pending** · **data is lost, or may be** · plan \`${planHash}\``);
});

test("nothing of a stranger's text is markup, a link or a mention: all of it is in one block that is escaped", () => {
  const text = "</pre><img src=x onerror=alert(1)> [click](https://evil.example) @acme/owners & `x`";
  const markdown = planMarkdown(planOf(`0007_${text}`, `select '${text}'`, text), "pr-12", place);
  expect(markdown.match(/<[^>]*>/g)).toEqual(["<!-- postern-plan -->", "<pre>", "</pre>"]);
  const outside = markdown.replace(/<pre>.*<\/pre>/su, "");
  expect(outside).not.toMatch(/evil|owners|onerror/);
  expect(markdown).toContain("&lt;/pre&gt;&lt;img src=x onerror=alert(1)&gt;");
});

test("characters that show another order of the text, or none, are made visible", () => {
  const markdown = planMarkdown(planOf("0007", "select 1 \u202E-- 2 \u200B\u0007"), "pr-12", place);
  expect(markdown).not.toMatch(/[^\P{C}\n]/u);
  expect(markdown).toContain("\uFFFD");
});

test("a long report is cut at a line, which is said, and the hash stays", () => {
  const plan = planOf("0007", "select 1");
  const pending = Array.from(
    { length: 3000 },
    (_, index) => ({ ...plan.pending[0], tag: `${index}_<<<<<<<<<<` }) as never,
  );
  const markdown = planMarkdown({ ...plan, pending }, "pr-12", place);
  expect(markdown.length).toBeLessThan(65_000);
  expect(markdown).toMatch(/\*\*\d+ more lines are not shown here\*\*/);
  expect(markdown).toContain(planHash);
});

test("findings are counted even where nothing is pending", () => {
  const findings = [{ code: "history.edited", tag: "0001_init", message: "was edited after it was applied" } as const];
  const markdown = planMarkdown({ pending: [], findings, destructive: false, planHash }, "production", place);
  expect(markdown).toContain("**1 to be settled first**");
  expect(markdown).toContain("was edited after it was applied [history.edited]");
});

test("nothing pending is one line", () => {
  const plan = { pending: [], findings: [], destructive: false, planHash };
  expect(planMarkdown(plan, "production", place)).toContain("Nothing is pending.");
});
