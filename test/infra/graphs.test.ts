import { expect, it } from "vitest";
import { evaluateWhole } from "../support/sst/evaluate.ts";
import { describeGraph } from "./graphs/describe-graph.ts";

// A change of a graph is to be read, and then written with `npm run test:infra -- -u`.
it.each(["production", "staging", "dev"])("the graph of %s is the reviewed one", async (stage) => {
  const evaluation = await evaluateWhole({ stage });
  await expect(describeGraph(evaluation)).toMatchFileSnapshot(`graphs/${stage}.txt`);
});

it("the graph of a stage with all that it may have beside is the reviewed one", async () => {
  const settings = {
    longRuns: true,
    alarms: { email: "on-call@example.com" },
    deployHook: { migrate: true, seedReference: true },
    network: { bastion: "ssh", sshFrom: ["203.0.113.7/32"] },
  };
  const evaluation = await evaluateWhole({ stage: "everything", config: { stages: { everything: settings } } });
  await expect(describeGraph(evaluation)).toMatchFileSnapshot("graphs/everything.txt");
});
