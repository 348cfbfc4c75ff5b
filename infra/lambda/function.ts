import { type FunctionPart, functionName } from "#lib/contract.ts";
import { createLog } from "../logs.ts";
import type { Network } from "../network.ts";
import { createRole, mayReadSecrets, mayWriteLog, networkInterfaces, type Statement } from "../roles.ts";
import { allow, allowHttpsOut, createGroup } from "../security-groups.ts";
import type { StageSettings } from "../settings/schema.ts";
import { environmentOf, type Secrets, type Target } from "./environment.ts";

/** What a function connects to, and the group that it is in. */
export type Reach = Target & { readonly groupId: $util.Input<string> };

export type FunctionOptions = {
  readonly part: FunctionPart;
  /** Beginning of the logical names. */
  readonly name: "Runner" | "Inspect" | "Health";
  readonly description: string;
  readonly folder: string;
  readonly timeoutSeconds: number;
  /** MiB; processor time comes with it. */
  readonly memoryMb: number;
  readonly reach: Reach;
  /** Reached beside it. */
  readonly proxy?: Omit<Reach, "name"> | undefined;
  /** What it may read, which are the secrets that it is told of. */
  readonly secrets: Secrets;
  readonly alsoMay?: readonly Statement[];
  /** Most at a time, which are reserved; default, and `"none"`: what the account has. */
  readonly concurrency?: number | "none";
};

export type DeclaredFunction = {
  readonly resource: aws.lambda.Function;
  readonly name: string;
  /** Its own security group. */
  readonly groupId: $util.Output<string>;
  /** Of its log group. */
  readonly logName: $util.Output<string>;
};

/**
 * One function of ours: a group, a log, a role of its own, and the bundle as the build made it.
 *
 * Not `sst.aws.Function`: that puts the key of linked values into the environment, gives the role managed policies with
 * wildcards, and in `sst dev` replaces the code by a bridge whose role may do all of S3 and AppSync and trusts the whole
 * account. These functions are the stage's machinery, not the application, and are the same in every mode.
 */
export function createFunction(options: FunctionOptions, settings: StageSettings, network: Network): DeclaredFunction {
  const { part, name, reach, proxy, secrets, concurrency } = options;
  const physicalName = functionName($app.stage, part);
  const group = createGroup({ name, vpcId: network.vpcId, description: options.description });
  const rules = [
    allowHttpsOut(`${name}Https`, group.id),
    ...allow({
      name: `${name}Database`,
      from: group.id,
      to: reach.groupId,
      port: reach.port,
      description: `${options.description} to the database`,
    }),
    ...(proxy === undefined
      ? []
      : allow({
          name: `${name}Proxy`,
          from: group.id,
          to: proxy.groupId,
          port: proxy.port,
          description: `${options.description} to the proxy`,
        })),
  ];
  const log = createLog(`${name}Log`, `/aws/lambda/${physicalName}`, settings);
  const { role, policy } = createRole(name, "lambda.amazonaws.com", [
    mayWriteLog(log.arn),
    mayReadSecrets(Object.values(secrets)),
    ...(options.alsoMay ?? []),
    ...networkInterfaces(functionArn(physicalName)),
  ]);
  const resource = new aws.lambda.Function(
    `${name}Function`,
    {
      name: physicalName,
      description: options.description,
      role: role.arn,
      runtime: "nodejs24.x",
      architectures: ["arm64"],
      handler: "index.handler",
      code: new $util.asset.FileArchive(options.folder),
      timeout: options.timeoutSeconds,
      memorySize: options.memoryMb,
      ...(typeof concurrency === "number" ? { reservedConcurrentExecutions: concurrency } : {}),
      environment: { variables: environmentOf(settings, { target: reach, proxy, secrets }) },
      vpcConfig: { subnetIds: network.privateSubnetIds, securityGroupIds: [group.id] },
      // What a function writes is JSON already.
      loggingConfig: { logFormat: "Text", logGroup: log.name },
    },
    // Whoever invokes it in the same deploy finds all of it.
    { dependsOn: [policy, ...rules] },
  );
  return { resource, name: physicalName, groupId: group.id, logName: log.name };
}

/** Made of its name: the role is there before the function. */
function functionArn(name: string): $util.Output<string> {
  const { partition } = aws.getPartitionOutput();
  const { region } = aws.getRegionOutput();
  const { accountId } = aws.getCallerIdentityOutput();
  return $interpolate`arn:${partition}:lambda:${region}:${accountId}:function:${name}`;
}
