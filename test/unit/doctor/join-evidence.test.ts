import { expect, test } from "vitest";
import { joinEvidence } from "#lib/doctor/join-evidence.ts";

test("what was seen is one line, with the full stop of the last sentence alone", () => {
  expect(joinEvidence("The agent is not connected.", undefined, "", "from inside, no answer.")).toBe(
    "The agent is not connected; from inside, no answer.",
  );
});
