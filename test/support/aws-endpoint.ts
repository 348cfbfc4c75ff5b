import { randomUUID } from "node:crypto";
import { AwsError } from "#lib/local/aws/aws-error.ts";
import { startAwsEndpoint } from "#lib/local/aws/endpoint.ts";
import type { TaskRunner } from "#lib/local/aws/ecs.ts";
import type { LambdaInvoker } from "#lib/local/aws/lambda.ts";
import type { LogStore } from "#lib/local/aws/log-store.ts";
import type { AwsModel } from "#lib/local/aws/model.ts";
import { type AwsResources, noResources } from "#lib/local/aws/resources.ts";
import { createMemorySecretStore, type SecretStore } from "#lib/local/aws/secret-store.ts";
import { createFolderObjectStore } from "#lib/local/aws/objects.ts";
import type { Credentials } from "#lib/local/aws/signature.ts";
import type { SessionManager } from "#lib/local/aws/ssm-sessions.ts";

export const region = "eu-central-1";
export const accountId = "123456789012";

export const resources: AwsResources = {
  ...noResources,
  dbInstances: [
    {
      DBInstanceIdentifier: "postern-local",
      DBInstanceStatus: "available",
      Engine: "postgres",
      EngineVersion: "18.4",
      DBName: 'a "quoted" <name> & more',
      Endpoint: { Address: "127.0.0.1", Port: 5432 },
      InstanceCreateTime: new Date("2026-01-02T03:04:05.000Z"),
      MultiAZ: false,
      IAMDatabaseAuthenticationEnabled: true,
      DBSubnetGroup: { VpcId: "vpc-1", Subnets: [{ SubnetIdentifier: "subnet-1", SubnetStatus: "Active" }] },
      VpcSecurityGroups: [{ VpcSecurityGroupId: "sg-1", Status: "active" }],
      TagList: [{ Key: "postern:stage", Value: "local" }],
    },
    { DBInstanceIdentifier: "other" },
  ],
  dbProxies: [{ DBProxyName: "postern-local", Status: "available", VpcSubnetIds: ["subnet-1", "subnet-2"] }],
  dbProxyTargets: {
    "postern-local": [
      { Type: "RDS_INSTANCE", Port: 5432, TargetHealth: { State: "UNAVAILABLE", Reason: "AUTH_FAILURE" } },
    ],
  },
  instances: [
    {
      InstanceId: "i-1",
      State: { Code: 16, Name: "running" },
      PublicIpAddress: "192.0.2.1",
      PublicDnsName: "bastion.example",
      PrivateIpAddress: "10.0.0.5",
      LaunchTime: new Date("2026-01-02T03:04:05.000Z"),
      SourceDestCheck: false,
      SecurityGroups: [{ GroupId: "sg-1", GroupName: "bastion" }],
      Tags: [{ Key: "postern:part", Value: "bastion" }],
    },
    { InstanceId: "i-2", State: { Code: 80, Name: "stopped" }, Tags: [{ Key: "postern:part", Value: "bastion" }] },
  ],
  addresses: [
    { AllocationId: "eipalloc-1", PublicIp: "192.0.2.1", Domain: "vpc", InstanceId: "i-1", Tags: [] },
    { AllocationId: "eipalloc-2", PublicIp: "192.0.2.2", Domain: "vpc" },
  ],
  instanceStatuses: [
    {
      InstanceId: "i-1",
      SystemStatus: { Status: "ok" },
      InstanceStatus: {
        Status: "impaired",
        Details: [{ Name: "reachability", Status: "failed", ImpairedSince: new Date("2026-01-02T03:04:05.000Z") }],
      },
    },
  ],
  subnets: [
    { SubnetId: "subnet-1", VpcId: "vpc-1", CidrBlock: "10.0.0.0/24", AvailabilityZone: "a", State: "available" },
    { SubnetId: "subnet-2", VpcId: "vpc-1", CidrBlock: "10.0.1.0/24", MapPublicIpOnLaunch: false },
  ],
  routeTables: [
    {
      RouteTableId: "rtb-1",
      VpcId: "vpc-1",
      Associations: [
        {
          RouteTableAssociationId: "rtbassoc-1",
          SubnetId: "subnet-2",
          Main: false,
          AssociationState: { State: "associated" },
        },
      ],
      Routes: [
        { DestinationCidrBlock: "10.0.0.0/16", GatewayId: "local", Origin: "CreateRouteTable", State: "active" },
        { DestinationCidrBlock: "0.0.0.0/0", NetworkInterfaceId: "eni-1", InstanceId: "i-1", State: "blackhole" },
      ],
      Tags: [{ Key: "postern:part", Value: "network" }],
    },
    { RouteTableId: "rtb-2", VpcId: "vpc-1", Associations: [{ Main: true }] },
  ],
  securityGroups: [
    {
      GroupId: "sg-1",
      GroupName: "database",
      Description: "Database & more",
      VpcId: "vpc-1",
      IpPermissions: [
        {
          IpProtocol: "tcp",
          FromPort: 5432,
          ToPort: 5432,
          UserIdGroupPairs: [{ GroupId: "sg-2", Description: "Tunnels" }],
          IpRanges: [{ CidrIp: "10.0.0.0/8", Description: "office" }],
        },
      ],
      IpPermissionsEgress: [{ IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] }],
    },
    { GroupId: "sg-2", GroupName: "bastion", VpcId: "vpc-1" },
  ],
  networkInterfaces: [
    {
      NetworkInterfaceId: "eni-1",
      InterfaceType: "interface",
      Status: "in-use",
      SourceDestCheck: true,
      Groups: [{ GroupId: "sg-2", GroupName: "bastion" }],
      Association: { AllocationId: "eipalloc-1", PublicIp: "192.0.2.1" },
      Attachment: { AttachmentId: "eni-attach-1", InstanceId: "i-1", DeviceIndex: 0, Status: "attached" },
      TagSet: [{ Key: "postern:part", Value: "network" }],
    },
    { NetworkInterfaceId: "eni-2", InterfaceType: "lambda", RequesterManaged: true, Description: "AWS Lambda VPC ENI" },
  ],
  dbEvents: [
    {
      SourceType: "db-instance",
      SourceIdentifier: "postern-local",
      Message: "DB instance stopped",
      EventCategories: ["notification"],
      Date: new Date("2026-01-02T03:04:05.000Z"),
    },
    {
      SourceType: "db-proxy",
      SourceIdentifier: "postern-local",
      Message: "?",
      Date: new Date("2026-01-03T00:00:00.000Z"),
    },
  ],
  certificates: [
    {
      CertificateIdentifier: "rds-ca-rsa2048-g1",
      CertificateType: "CA",
      ValidTill: new Date("2061-05-24T21:59:00.000Z"),
      CustomerOverride: false,
    },
  ],
};

const lambda: LambdaInvoker = {
  has: (name) => name === "echo",
  invoke: async (name, payload, options) => {
    if (name === "busy") throw new AwsError("TooManyRequestsException", "Rate Exceeded.", { statusCode: 429 });
    if (name === "broken") throw new Error("a defect that names /secret/paths");
    if (name !== "echo") throw new AwsError("ResourceNotFoundException", "Function not found", { statusCode: 404 });
    const isEvent = options.invocationType === "Event";
    const text = Buffer.from(payload).toString();
    return {
      statusCode: isEvent ? 202 : 200,
      payload: isEvent ? new Uint8Array() : Buffer.from(text === '"throw"' ? '{"errorType":"Error"}' : text),
      ...(text === '"throw"' ? { functionError: "Unhandled" as const } : {}),
      ...(options.logTail ? { logTail: Buffer.from("END").toString("base64") } : {}),
      executedVersion: "$LATEST",
      requestId: randomUUID(),
    };
  },
};

export type TestEndpoint = AsyncDisposable & {
  readonly url: string;
  readonly parameters: Map<string, string>;
  readonly secrets: SecretStore;
  /** What it logged. */
  readonly log: readonly string[];
  /** For a client of the SDK. One attempt: a refusal is what these tests are after. */
  config(overrides?: Partial<Credentials>): {
    endpoint: string;
    region: string;
    credentials: Credentials;
    maxAttempts: number;
  };
  /** The same with the key of what runs in the private subnets. */
  functionConfig(): ReturnType<TestEndpoint["config"]>;
};

/** An endpoint with the resources above and a function `echo` that is not a process. */
export async function startTestEndpoint({
  objectsDir,
  tasks,
  sessions,
  logs,
  model = { read: () => resources },
}: {
  objectsDir?: string;
  tasks?: TaskRunner;
  sessions?: SessionManager;
  logs?: LogStore;
  /** Default: the resources above, which cannot be changed. */
  model?: Pick<AwsModel, "read"> & Partial<AwsModel>;
} = {}): Promise<TestEndpoint> {
  const [credentials, functionCredentials] = [makeKey(), makeKey()];
  const secrets = createMemorySecretStore();
  const parameters = new Map<string, string>();
  const log: string[] = [];
  const endpoint = await startAwsEndpoint({
    port: 0,
    credentials,
    functionCredentials,
    region,
    accountId,
    parameters,
    secrets,
    ...(objectsDir === undefined ? {} : { objects: createFolderObjectStore(objectsDir) }),
    ...(logs === undefined ? {} : { logs }),
    tasks: () => tasks,
    sessions: () => sessions,
    lambda: () => lambda,
    resources: model.read,
    ...(model.change === undefined ? {} : { change: model.change }),
    onLog: (line) => log.push(line),
  });
  const config = (overrides: Partial<Credentials> = {}) => ({
    endpoint: endpoint.url,
    region,
    credentials: { ...credentials, ...overrides },
    maxAttempts: 1,
  });
  return {
    ...endpoint,
    parameters,
    secrets,
    log,
    config,
    functionConfig: () => config(functionCredentials),
  };
}

function makeKey(): Credentials {
  return { accessKeyId: `LOCAL${randomUUID()}`, secretAccessKey: randomUUID() };
}

/** How a call failed; a call that did not is an error of the test. */
export async function errorOf(
  call: Promise<unknown>,
): Promise<{ name: string; message: string; status: number | undefined }> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error("the call succeeded");
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return { name: error.name, message: error.message, status: $metadata?.httpStatusCode };
}

/** A client that lets its sockets go at the end of its block. */
export function disposable<Client extends { destroy(): void }>(client: Client): Client & Disposable {
  return Object.assign(client, { [Symbol.dispose]: () => client.destroy() });
}
