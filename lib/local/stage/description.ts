import { join } from "node:path";
import process from "node:process";
import {
  appName,
  type BundleInfo,
  functionEnv,
  functionName,
  type FunctionPart,
  functionParts,
  type LongRuns,
  type Manifest,
  proxyName,
  secretName,
  type SecretOwner,
  secretVariables,
  tunnelDocumentName,
} from "#lib/contract.ts";
import { type AwsResources, noResources } from "../aws/resources.ts";
import { settle } from "../aws/settle.ts";
import { localInstanceId } from "../gateway/gateway.ts";
import type { HostedFunction } from "../lambda/host.ts";
import { baseEnvironment } from "../process/base-environment.ts";
import type { HostedTask } from "../tasks/host.ts";
import { describeDatabase } from "./network/database.ts";
import { networkIds } from "./network/ids.ts";
import { describeNetwork, describeNetworkParts } from "./network/network.ts";
import { describeSecurityGroups } from "./network/security-groups.ts";
import { secretOwners } from "./secrets.ts";

/** What the parts of a stage must know of each other. */
export type StageFacts = {
  readonly stage: string;
  readonly region: string;
  readonly database: {
    readonly host: string;
    readonly port: number;
    readonly name: string;
    readonly caFile: string;
    readonly version: number;
  };
  /** Where RDS Proxy is. Default: at its address is the database itself. */
  readonly proxy?: { readonly host: string; readonly port: number };
  readonly aws: { readonly url: string; readonly accessKeyId: string; readonly secretAccessKey: string };
};

const instanceId = (stage: string) => `${appName}-${stage}`;

/** The secrets that each function may read, as infra grants them. */
const grantedSecrets: Readonly<Record<FunctionPart, readonly SecretOwner[]>> = {
  runner: secretOwners,
  inspect: ["migrator", "health"],
  health: ["health"],
};
const limits: Readonly<Record<FunctionPart, { readonly timeoutMs: number; readonly memoryMb: number }>> = {
  runner: { timeoutMs: 900_000, memoryMb: 1024 },
  inspect: { timeoutMs: 60_000, memoryMb: 512 },
  health: { timeoutMs: 10_000, memoryMb: 512 },
};

/** The functions as infra configures them, with the local endpoint in the place of AWS. */
export function describeFunctions(
  facts: StageFacts,
  bundleDirs: Readonly<Record<FunctionPart, { readonly dir: string }>>,
): readonly HostedFunction[] {
  return functionParts.map((part) =>
    Object.assign(
      {
        name: functionName(facts.stage, part),
        bundleDir: bundleDirs[part].dir,
        handler: "index.handler",
        prewarm: true,
        env: describeEnvironment(facts, part),
      },
      limits[part],
    ),
  );
}

/** The long-run task, as infra configures it: the runner's bundle, with the variables of the runner. */
export function describeTask(facts: StageFacts, runnerDir: string): HostedTask {
  const { cluster, taskDefinition, container } = longRunsOf(facts.stage);
  return {
    cluster,
    taskDefinition,
    container,
    command: process.execPath,
    args: [join(runnerDir, "task.mjs")],
    cwd: runnerDir,
    env: {
      ...baseEnvironment(),
      AWS_REGION: facts.region,
      ...describeEnvironment(facts, "runner"),
    },
  };
}

function longRunsOf(stage: string): LongRuns {
  return {
    cluster: instanceId(stage),
    taskDefinition: `${instanceId(stage)}-long-run`,
    container: "runner",
    subnets: networkIds.privateSubnets,
    securityGroup: networkIds.groups.longRun,
  };
}

export function describeStage(facts: StageFacts, bundle: BundleInfo, healthUrl: string): Manifest {
  const { stage, region, database } = facts;
  return {
    version: 1,
    app: appName,
    stage,
    region,
    protected: false,
    database: { host: database.host, port: database.port, name: database.name, instanceId: instanceId(stage) },
    proxy: { ...proxyOf(facts), name: proxyName(stage) },
    functions: {
      runner: functionName(stage, "runner"),
      inspect: functionName(stage, "inspect"),
      health: functionName(stage, "health"),
    },
    healthUrl,
    secrets: Object.fromEntries(secretOwners.map((owner) => [owner, secretName(stage, owner)])),
    bundle,
    bastions: [localInstanceId],
    tunnel: { documentName: tunnelDocumentName(stage) },
    longRuns: longRunsOf(stage),
    network: describeNetworkParts(),
  };
}

/** What the control plane says of the stage when it has just started, and all is well. */
export function describeResources(facts: StageFacts, startedAt: Date): AwsResources {
  const { stage, region, database } = facts;
  return settle({
    ...noResources,
    ...describeNetwork(stage, region, startedAt),
    ...describeDatabase(stage, region, database, startedAt),
    securityGroups: describeSecurityGroups(stage, { database: database.port, proxy: proxyOf(facts).port }),
  });
}

function proxyOf({ proxy, database: { host, port } }: StageFacts): { readonly host: string; readonly port: number } {
  return proxy ?? { host, port };
}

/** Health goes through the proxy, and the doctor's probes look at both ways. */
function describeEnvironment(facts: StageFacts, part: FunctionPart): Record<string, string> {
  const { stage, database, aws } = facts;
  const proxy = proxyOf(facts);
  const target = part === "health" ? proxy : database;
  return {
    AWS_ENDPOINT_URL: aws.url,
    AWS_ACCESS_KEY_ID: aws.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.secretAccessKey,
    [functionEnv.app]: appName,
    [functionEnv.stage]: stage,
    [functionEnv.protected]: "false",
    [functionEnv.databaseHost]: target.host,
    [functionEnv.databasePort]: String(target.port),
    ...(part === "inspect" ? { [functionEnv.proxyHost]: proxy.host, [functionEnv.proxyPort]: String(proxy.port) } : {}),
    [functionEnv.databaseName]: database.name,
    [functionEnv.caFile]: database.caFile,
    ...Object.fromEntries(grantedSecrets[part].map((owner) => [secretVariables[owner], secretName(stage, owner)])),
  };
}
