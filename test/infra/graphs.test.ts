import { expect, it } from "vitest";
import { evaluateWhole } from "../support/sst/evaluate.ts";
import { describeGraph } from "./graphs/describe-graph.ts";

// A change of a graph is to be read, and then written with `npm run test:infra -- -u`.
it.each(["production", "staging", "dev"])("the graph of %s is the reviewed one", async (stage) => {
  const evaluation = await evaluateWhole({ stage });
  await expect(describeGraph(evaluation)).toMatchFileSnapshot(`graphs/${stage}.txt`);
});
