import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type LongRuns, longRunRolePath } from "#lib/contract.ts";
import { hashBundle } from "./bundles/files.ts";
import { type DatabaseAccess, mayDecryptMaster, mayMakePasswords, type Surroundings } from "./functions.ts";
import { environmentOf } from "./lambda/environment.ts";
import { createLog } from "./logs.ts";
import { archiveFolder } from "./long-runs/archive.ts";
import { describeContainers, volumes } from "./long-runs/containers.ts";
import { createPrivateBucket } from "./long-runs/private-bucket.ts";
import { createRole, mayReadSecrets, mayWriteLog, type Statement } from "./roles.ts";
import { allow, allowHttpsOut, createGroup } from "./security-groups.ts";
import type { StageSettings } from "./settings/schema.ts";

type DeclaredLongRuns = {
  /** What the manifest says of it. */
  readonly found: $util.Output<LongRuns>;
  /** Of its log group. */
  readonly logName: $util.Output<string>;
  readonly clusterArn: $util.Output<string>;
};

const container = "runner";

/** Where big seed sets are put; a stage with long runs has one. */
export function declareSeedsBucket({ longRuns, protected: isKept }: StageSettings): aws.s3.Bucket | undefined {
  return longRuns === false ? undefined : createPrivateBucket("LongRunSeeds", "seeds", isKept);
}

/** Everything in it, and to list what there is. */
export function mayReadSeeds(bucket: aws.s3.Bucket | undefined): readonly Statement[] {
  if (bucket === undefined) return [];
  return [
    { Sid: "ListSeeds", Action: ["s3:ListBucket"], Resource: bucket.arn },
    { Sid: "ReadSeeds", Action: ["s3:GetObject"], Resource: $interpolate`${bucket.arn}/*` },
  ];
}

/**
 * The long-run task: the runner's bundle in a container on Fargate, for what takes more than fifteen minutes. Nothing of
 * it runs, or costs, until the command line starts it.
 *
 * No image is built: one of AWS's public images fetches the bundle from a bucket that only deploys write to, another one
 * runs it. The seeds have a bucket of their own: whoever may put seeds must not be able to put code.
 */
export function declareLongRuns(
  { settings, network, bundles }: Surroundings,
  database: DatabaseAccess,
  seeds: aws.s3.Bucket,
): DeclaredLongRuns {
  const group = createGroup({ name: "LongRun", vpcId: network.vpcId, description: "Long-run task" });
  allowHttpsOut("LongRunHttps", group.id);
  allow({
    name: "LongRunDatabase",
    from: group.id,
    to: database.groupId,
    port: database.port,
    description: "Long-run task to the database",
  });
  const code = declareCode(bundles.folders.runner);
  const log = createLog("LongRunLog", `/${$app.name}/${$app.stage}/long-runs`, settings);
  // Whoever starts a run passes both roles, and is allowed to by their path.
  const rolePath = longRunRolePath($app.stage);
  const execution = createRole("LongRunStart", "ecs-tasks.amazonaws.com", [mayWriteLog(log.arn)], { path: rolePath });
  const task = createRole(
    "LongRun",
    "ecs-tasks.amazonaws.com",
    [
      mayReadSecrets(Object.values(database.secrets)),
      ...mayDecryptMaster(database),
      ...mayMakePasswords(database),
      ...mayReadSeeds(seeds),
      { Sid: "ReadCode", Action: ["s3:GetObject"], Resource: code.arn },
    ],
    { sourceArn: anyCluster(), path: rolePath },
  );
  const cluster = new aws.ecs.Cluster("LongRunCluster", { name: `${$app.name}-${$app.stage}` });
  const definition = new aws.ecs.TaskDefinition(
    "LongRunTask",
    {
      family: `${$app.name}-${$app.stage}-long-run`,
      requiresCompatibilities: ["FARGATE"],
      networkMode: "awsvpc",
      runtimePlatform: { cpuArchitecture: "ARM64", operatingSystemFamily: "LINUX" },
      cpu: "1024",
      memory: "2048",
      executionRoleArn: execution.role.arn,
      taskRoleArn: task.role.arn,
      volumes,
      containerDefinitions: $jsonStringify(
        describeContainers({
          name: container,
          image: typeof settings.longRuns === "object" ? settings.longRuns.image : undefined,
          bundle: code,
          environment: environmentOf(settings, { target: database, secrets: database.secrets }),
          logGroup: log.name,
          region: aws.getRegionOutput().region,
        }),
      ),
    },
    { dependsOn: [execution.policy, task.policy] },
  );
  const found = $util
    .all([cluster.arn, definition.arn, network.privateSubnetIds, group.id])
    .apply(([clusterArn, taskDefinition, subnets, securityGroup]) => ({
      cluster: clusterArn,
      taskDefinition,
      container,
      subnets,
      securityGroup,
    }));
  return { found, logName: log.name, clusterArn: cluster.arn };
}

/** ECS names clusters, but takes none for a single one; so this is about the region, beside the account. */
function anyCluster(): $util.Output<string> {
  const { partition } = aws.getPartitionOutput();
  const { region } = aws.getRegionOutput();
  const { accountId } = aws.getCallerIdentityOutput();
  return $interpolate`arn:${partition}:ecs:${region}:${accountId}:*`;
}

/** The bundle under a name made of its content: what a task runs is what its definition was made for. */
function declareCode(folder: string) {
  const bucket = createPrivateBucket("LongRunCode", "code", false);
  const file = path.join($cli.paths.work, "artifacts", "long-run.tar.gz");
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, archiveFolder(folder));
  const key = `runner/${hashBundle(folder)}.tar.gz`;
  const object = new aws.s3.BucketObjectv2(
    "LongRunBundle",
    { bucket: bucket.id, key, source: new $util.asset.FileAsset(file) },
    // Tasks of the definition before may still have to fetch theirs.
    { retainOnDelete: true },
  );
  return { bucket: object.bucket, key: object.key, arn: $interpolate`${bucket.arn}/${key}` };
}
