import { join } from "node:path";
import { expect, test } from "vitest";
import { describeVerdict, verdictCodes } from "#lib/doctor/verdicts.ts";
import { verdictsDocument } from "../../../scripts/report/verdict-page.ts";

test("docs/verdicts.md is the table", async () => {
  await expect(verdictsDocument()).toMatchFileSnapshot(join(import.meta.dirname, "../../../docs/verdicts.md"));
});

test("each verdict is a sentence, with its proof and one fix, and fits into a table", () => {
  for (const code of verdictCodes) {
    const texts = Object.values(describeVerdict(code));
    expect(texts).toHaveLength(3);
    for (const text of texts) expect(text).toMatch(/^[A-Z0-9`][^|\n]*\.$/u);
  }
});
