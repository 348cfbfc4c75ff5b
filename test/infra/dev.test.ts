import { expect, it } from "vitest";
import { evaluateWhole } from "../support/sst/evaluate.ts";
import type { RecordedResource } from "../support/sst/recorded.ts";

it("sst dev changes nothing of what is deployed", async () => {
  const [deployed, dev] = await Promise.all([
    evaluateWhole({ stage: "dev" }),
    evaluateWhole({ stage: "dev", dev: true }),
  ]);
  expect(describeAll(dev.resources)).toEqual(describeAll(deployed.resources));
});

/** Without the random ends of the names that SST gives. */
function describeAll(resources: readonly RecordedResource[]): string[] {
  return resources
    .filter(({ isCustom }) => isCustom)
    .map((resource) => JSON.stringify(resource).replaceAll(/-[a-z]{8}"/g, '-random"'))
    .toSorted();
}
