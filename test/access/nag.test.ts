import { expect, it } from "vitest";
import { acknowledged } from "./nag/acknowledged.ts";
import { findWithNag } from "./nag/findings.ts";

const findings = Object.entries(findWithNag()).map(
  ([construct, rules]) => [String(construct.split("/").at(-1)), rules] as const,
);

it("what cdk-nag finds is acknowledged, each finding of each policy with its reason", () => {
  for (const [policy, rules] of findings)
    expect({ [policy]: Object.keys(acknowledged[policy] ?? {}).toSorted() }).toEqual({ [policy]: rules });
});

it("nothing is acknowledged that it does not find", () => {
  expect(Object.keys(acknowledged).toSorted()).toEqual([...new Set(findings.map(([policy]) => policy))].toSorted());
});

it("its report is printed for whoever approves the policies", async () => {
  const rows = Object.entries(acknowledged).flatMap(([policy, rules]) =>
    Object.entries(rules).map(
      ([rule, reason]) => `| ${policy} | \`${rule.replace("AwsSolutions-", "")}\` | ${reason} |`,
    ),
  );
  const title =
    "# What cdk-nag finds\n\nPack AwsSolutions, on the settings of the tests; of both accounts. Each finding is acknowledged by policy and text, with a reason: `test/access/nag/acknowledged.ts`.";
  const report = [
    title,
    "",
    `${rows.length} findings.`,
    "",
    "| policy | finding | why it is meant so |",
    "|---|---|---|",
    ...rows,
    "",
  ];
  await expect(report.join("\n")).toMatchFileSnapshot("../../docs/access-nag.md");
});
