import { describe, expect, it } from "vitest";
import type { AfterRunFinding } from "#lib/protocol.ts";
import { describeAfterRun } from "../../../../scripts/report/after-run-report.ts";
import { plainStyle } from "../../../../scripts/style.ts";

const fingerprint = "0123456789ab".padEnd(64, "c");
const unchecked = (object: string): AfterRunFinding => ({
  code: "sequence.unchecked",
  object,
  message: `Whether ${object} is behind was not checked.`,
});

describe("describeAfterRun", () => {
  it("says the fingerprint alone when nothing was found", () => {
    expect(describeAfterRun({ fingerprint, findings: [] }, plainStyle)).toBe(`schema 0123456789ab ${"c".repeat(52)}`);
  });

  it("says what needs somebody before what could not be checked", () => {
    const invalid = { code: "index.invalid", object: "public.i", message: "Index public.i is invalid." } as const;
    const text = describeAfterRun({ fingerprint, findings: [unchecked("public.s"), invalid] }, plainStyle);
    expect(text.split("\n").slice(0, 2)).toEqual([
      "! Index public.i is invalid. [index.invalid]",
      "Whether public.s is behind was not checked.",
    ]);
  });

  it("names many unchecked sequences in one line", () => {
    const text = describeAfterRun({ fingerprint, findings: ["a", "b"].map(unchecked) }, plainStyle);
    expect(text).toContain("may not read it: a, b.");
    expect(text.split("\n")).toHaveLength(2);
  });
});
