import { expect, test } from "vitest";
import { stageFlags, withStageFlags } from "../../../scripts/stage-flags.ts";

test("commands of ours find the stage's data folder, SST's and those for others are left as they are", () => {
  const flags = stageFlags("local", "/tmp/two words");
  expect(flags).toBe("--stage local --data '/tmp/two words'");
  const fix =
    "Run `postern repair-nat --stage local`, `postern psql --stage local-2`, `npx sst deploy --stage local`: it helps.";
  expect(withStageFlags(fix, "local", flags)).toBe(
    "Run `postern repair-nat --stage local --data '/tmp/two words'`, `postern psql --stage local-2`, `npx sst deploy --stage local`: it helps.",
  );
});

test("without a data folder there is no such flag", () => {
  expect(stageFlags("dev", undefined)).toBe("--stage dev");
});
