import { randomUUID } from "node:crypto";
import { appName, type Manifest, manifestParameterName, tagKeys } from "#lib/contract.ts";
import { AwsError } from "#lib/local/aws/aws-error.ts";
import { startAwsEndpoint } from "#lib/local/aws/endpoint.ts";
import { type AwsModel, createAwsModel } from "#lib/local/aws/model.ts";
import { type AwsResources, noResources } from "#lib/local/aws/resources.ts";
import { createMemorySecretStore } from "#lib/local/aws/secret-store.ts";
import type { RepairNatResult } from "#lib/repair-nat/result.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { runCommand, startCommand } from "../command-line.ts";
import { manifest as deployed } from "../control-plane/network-facts.ts";

const region = "eu-central-1";
const zones = [1, 2] as const;

function tagsOf(stage: string) {
  return [
    { Key: tagKeys.app, Value: appName },
    { Key: tagKeys.stage, Value: stage },
    { Key: tagKeys.part, Value: "network" },
    { Key: "sst:is-nat", Value: "true" },
  ];
}

/** The two zones of the manifest, as they were deployed, and another stage in the same account whose address is free. */
function deployedResources(stage: string): AwsResources {
  const Tags = tagsOf(stage);
  const table = (id: string, SubnetId: string, route: object) => ({
    RouteTableId: id,
    VpcId: "vpc-1",
    Associations: [{ SubnetId }],
    Routes: [{ DestinationCidrBlock: "0.0.0.0/0", ...route }],
    Tags,
  });
  return {
    ...noResources,
    instances: zones.map((zone) => ({
      InstanceId: `i-${zone}`,
      State: { Code: 16, Name: "running" as const },
      SubnetId: `subnet-public-${zone}`,
      VpcId: "vpc-1",
      Tags,
    })),
    networkInterfaces: zones.map((zone) => ({
      NetworkInterfaceId: `eni-${zone}`,
      PrivateIpAddress: `10.0.0.${zone}`,
      SourceDestCheck: false,
      Attachment: { InstanceId: `i-${zone}`, DeviceIndex: 0, Status: "attached" as const, DeleteOnTermination: true },
    })),
    addresses: [
      ...zones.map((zone) => ({
        AllocationId: `eipalloc-${zone}`,
        AssociationId: `eipassoc-${zone}`,
        PublicIp: `203.0.113.${zone}`,
        NetworkInterfaceId: `eni-${zone}`,
        Tags,
      })),
      { AllocationId: "eipalloc-9", PublicIp: "203.0.113.9", Tags: tagsOf("somebody-elses") },
    ],
    routeTables: zones.flatMap((zone) => [
      table(`rtb-private-${zone}`, `subnet-private-${zone}`, { NetworkInterfaceId: `eni-${zone}` }),
      table(`rtb-public-${zone}`, `subnet-public-${zone}`, { GatewayId: "igw-1", State: "active" }),
    ]),
    instanceInformation: zones.map((zone) => ({ InstanceId: `i-${zone}`, PingStatus: "Online" as const })),
  };
}

/** An AWS in which a stage's network is broken as the test says, and `repair-nat` as a process that sees it. */
export async function startRepairBench(changes: Partial<Manifest> = {}) {
  await using stack = new AsyncDisposableStack();
  const { tunnel: _tunnel, ...untunnelled } = deployed;
  const manifest: Manifest = { ...untunnelled, ...changes };
  const model = stack.use(createAwsModel(deployedResources(manifest.stage)));
  const credentials = { accessKeyId: `TEST${randomUUID()}`, secretAccessKey: randomUUID() };
  let writesLeft = Number.POSITIVE_INFINITY;
  const change: AwsModel["change"] = (what) => {
    if (writesLeft === 0) {
      const message = "You are not authorized to perform this operation.";
      throw new AwsError("UnauthorizedOperation", message, { statusCode: 403 });
    }
    writesLeft -= 1;
    model.change(what);
  };
  const endpoint = stack.use(
    await startAwsEndpoint({
      port: 0,
      onLog: () => {},
      credentials,
      region,
      accountId: "123456789012",
      parameters: new Map([[manifestParameterName(manifest.stage), JSON.stringify(manifest)]]),
      secrets: createMemorySecretStore(),
      lambda: () => undefined,
      resources: () => model.read(),
      change,
    }),
  );
  const env = {
    AWS_ENDPOINT_URL: endpoint.url,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  const args = (more: readonly string[]) => ["repair-nat", "--stage", manifest.stage, ...more];
  const owned = stack.move();
  return {
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
    model,
    manifest,
    access: { source: "environment", endpoint: endpoint.url, region, credentials } satisfies AwsAccess,
    /** After so many writes AWS refuses the next ones. */
    allowWrites: (count: number) => {
      writesLeft = count;
    },
    run: async (...more: string[]) => runCommand(args(more), { env }),
    /** With its result, or the error that it printed instead. */
    repair: async (...more: string[]) => {
      const { exitCode, json } = await runCommand(args([...more, "--json"]), { env });
      return { exitCode, ...(json() as RepairNatResult) };
    },
    start: (...more: string[]) => startCommand(args(more), { env }),
  };
}

/** The members of the one with that id, replaced. */
export function changed<Resource extends object>(
  resources: readonly Resource[],
  id: string,
  members: Partial<Resource>,
): readonly Resource[] {
  return resources.map((one) => (Object.values(one).includes(id) ? Object.assign({}, one, members) : one));
}
