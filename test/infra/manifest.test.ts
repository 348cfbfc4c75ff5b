import { describe, expect, it } from "vitest";
import { manifestParameterName, tunnelDocumentName } from "#lib/contract.ts";
import { parseManifest } from "#lib/stage/manifest.ts";
import { evaluateWhole } from "../support/sst/evaluate.ts";
import type { Evaluation } from "../support/sst/recorded.ts";
import { input, ofType } from "./rules/rule.ts";
import { dev, everything, existing } from "./stages.ts";

function manifestOf(evaluation: Evaluation) {
  const parameter = ofType(evaluation, "aws:ssm/parameter:Parameter").find(({ name }) => name.startsWith("Manifest"));
  expect(parameter?.inputs).toMatchObject({ name: manifestParameterName(evaluation.app.stage), type: "String" });
  const value = String(parameter && input(parameter, "value"));
  // More would cost, and the standard tier refuses it.
  expect(value.length).toBeLessThan(4096);
  return parseManifest(value, "of the test");
}

describe("the manifest", () => {
  it("is what the command line reads", async () => {
    const evaluation = await evaluateWhole({ stage: "dev" });
    expect(manifestOf(evaluation)).toMatchObject({
      app: "postern",
      stage: "dev",
      region: "eu-central-1",
      protected: false,
      database: { port: 5432, name: "postern" },
      functions: { runner: "postern-dev-runner", inspect: "postern-dev-inspect", health: "postern-dev-health" },
      healthUrl: expect.stringMatching(/^https:/),
      bundle: { migrationsHash: expect.stringMatching(/^[0-9a-f]{64}$/) },
      tunnel: { documentName: "postern-dev-tunnel" },
    });
    expect(manifestOf(evaluation).bastions).toHaveLength(2);
    expect(manifestOf(evaluation).longRuns).toBeUndefined();
  });

  it("says where long runs go, in private subnets and a group of their own", async () => {
    const evaluation = await evaluateWhole(everything("dev"));
    const { longRuns } = manifestOf(evaluation);
    expect(longRuns).toMatchObject({ container: "runner", securityGroup: "LongRun-id" });
    expect(longRuns?.subnets).toEqual(["NetworkPrivateSubnet1-id", "NetworkPrivateSubnet2-id"]);
  });

  it("says where the proxy is, where there is one, beside the database itself", async () => {
    const { database, proxy } = manifestOf(await evaluateWhole({ stage: "production" }));
    expect(proxy).toEqual({
      host: "postern-production.proxy-abc.eu-central-1.rds.amazonaws.com",
      port: 5432,
      name: "postern-production",
    });
    expect(database.host).toBe("postern-production.abc.eu-central-1.rds.amazonaws.com");
    expect(manifestOf(await evaluateWhole({ stage: "dev" })).proxy).toBeUndefined();
  });

  it("says what the way out is made of, each NAT instance with its address and its private subnet", async () => {
    const { network } = manifestOf(await evaluateWhole({ stage: "dev" }));
    expect(network).toEqual({
      vpcId: "NetworkVpc-id",
      privateSubnets: ["NetworkPrivateSubnet1-id", "NetworkPrivateSubnet2-id"],
      nat: [1, 2].map((zone) => ({
        instance: `NetworkNatInstance${zone}-id`,
        allocation: `NetworkElasticIp${zone}-id`,
        address: expect.any(String),
      })),
    });
  });

  it("names no NAT instances in a VPC that was there before", async () => {
    const { network } = manifestOf(await evaluateWhole(dev({ network: { existing } })));
    expect(network).toEqual({ vpcId: existing.vpcId, privateSubnets: existing.privateSubnetIds, nat: [] });
  });

  it("names no tunnel without a bastion", async () => {
    const evaluation = await evaluateWhole(dev({ network: { bastion: "none" } }));
    expect(manifestOf(evaluation)).not.toHaveProperty("tunnel");
    expect(ofType(evaluation, "aws:ssm/document:Document")).toEqual([]);
  });
});

it("the tunnel's document leads to the database's port, and leaves nothing to choose", async () => {
  const evaluation = await evaluateWhole({ stage: "dev" });
  const [document] = ofType(evaluation, "aws:ssm/document:Document");
  expect(document?.inputs).toMatchObject({ name: tunnelDocumentName("dev"), documentType: "Session" });
  const content = JSON.parse(String(document && input(document, "content"))) as object;
  expect(content).toMatchObject({
    schemaVersion: "1.0",
    sessionType: "Port",
    parameters: {},
    properties: { host: manifestOf(evaluation).database.host, portNumber: "5432", type: "LocalPortForwarding" },
  });
  expect(JSON.stringify(content)).not.toContain("{{");
});
