import { afterEach, beforeEach, expect, test } from "vitest";
import { tagKeys } from "#lib/contract.ts";
import { readNetwork } from "#lib/control-plane/network/read-network.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { startOutsideOfStage } from "../../support/outside-of-stage.ts";

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(async () => {
  await stack.disposeAsync();
});

const running = { Code: 16, Name: "running" } as const;
const tags = [
  { Key: tagKeys.app, Value: "postern" },
  { Key: tagKeys.stage, Value: "local" },
];

async function startStage() {
  const instances = [
    { InstanceId: "i-named", State: running },
    { InstanceId: "i-tagged", State: running, Tags: tags, SourceDestCheck: true },
    { InstanceId: "i-stranger", State: running },
  ];
  const stage = stack.use(
    await startOutsideOfStage({}, { bastions: ["i-named", "i-gone"] }, { instances: () => instances }),
  );
  const access: AwsAccess = {
    source: "local-stage",
    endpoint: stage.awsEnv.AWS_ENDPOINT_URL,
    region: stage.awsEnv.AWS_REGION,
    credentials: {
      accessKeyId: stage.awsEnv.AWS_ACCESS_KEY_ID,
      secretAccessKey: stage.awsEnv.AWS_SECRET_ACCESS_KEY,
    },
  };
  return { manifest: stage.published, access };
}

test("instances are found by the stage's tags and by the manifest's word; one that is gone hides none", async () => {
  const { manifest, access } = await startStage();
  const { instances } = await readNetwork(manifest, { access, signal: AbortSignal.timeout(20_000) });
  expect(instances).toMatchObject({
    kind: "known",
    value: [
      { id: "i-named", state: "running" },
      { id: "i-tagged", sourceDestCheck: true, tags: { [tagKeys.stage]: "local" } },
    ],
  });
});

test("keys that AWS does not know make every fact unknown, and none an exception", async () => {
  const { manifest, access } = await startStage();
  const strange = { ...access, credentials: { accessKeyId: "AKIASTRANGE", secretAccessKey: "strange" } };
  const facts = await readNetwork(manifest, { access: strange, signal: AbortSignal.timeout(20_000) });
  for (const fact of Object.values(facts)) expect(fact).toMatchObject({ kind: "unknown", code: "aws.credentials" });
});

test("whoever asks may stop", async () => {
  const { manifest, access } = await startStage();
  await expect(readNetwork(manifest, { access, signal: AbortSignal.abort() })).rejects.toThrow(/aborted/);
});
