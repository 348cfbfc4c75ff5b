import { expect, test } from "vitest";
import { judgeLostOutput } from "../../../scripts/lost-output.ts";

const failed = (code: string) => Object.assign(new Error(`${code}: it failed, write`), { code });

test("a reader that left ends what only tells, and nothing else", () => {
  expect(judgeLostOutput(failed("EPIPE"), { isTerminal: false, endsWithReader: true })).toEqual({ exitCode: 141 });
  expect(judgeLostOutput(failed("EPIPE"), { isTerminal: false, endsWithReader: false })).toBeUndefined();
});

test("a terminal that went away is SIGHUP's affair; a disk that fails is an error", () => {
  expect(judgeLostOutput(failed("EIO"), { isTerminal: true, endsWithReader: true })).toBeUndefined();
  for (const code of ["EIO", "ENOSPC", "EDQUOT"]) {
    expect(judgeLostOutput(failed(code), { isTerminal: false, endsWithReader: false })).toMatchObject({
      exitCode: 2,
      error: { code: "output.unwritable", message: expect.stringContaining(code) },
    });
  }
});
