import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { writeWhole } from "#lib/base/private-file.ts";
import type { BuiltFunctions } from "#lib/bundle/build.ts";
import { type BundleInfo, functionName, manifestParameterName, tunnelDocumentName } from "#lib/contract.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { type AwsEndpoint, startAwsEndpoint } from "../aws/endpoint.ts";
import type { LogStore } from "../aws/log-store.ts";
import type { ObjectStore } from "../aws/objects.ts";
import { type AwsModel, createAwsModel } from "../aws/model.ts";
import { noResources } from "../aws/resources.ts";
import type { SecretStore } from "../aws/secret-store.ts";
import type { Credentials } from "../aws/signature.ts";
import { startFunctionUrl } from "../lambda/function-url.ts";
import { type LambdaHost, startLambdaHost } from "../lambda/host.ts";
import { portTaken } from "../net/free-port.ts";
import { type SessionGateway, startSessionGateway } from "../gateway/gateway.ts";
import { startTaskHost, type TaskHost } from "../tasks/host.ts";
import { describeFunctions, describeResources, describeStage, describeTask, type StageFacts } from "./description.ts";

/** The flags that choose the ports, for messages. */
export const portFlags = { database: "--port", aws: "--aws-port", health: "--health-port" } as const;

/** The AWS of a stage. It is there before what it tells of, so that comes later. */
export type LocalAws = {
  readonly endpoint: AwsEndpoint;
  /** Of people. */
  readonly credentials: Credentials;
  /** Of what runs in the private subnets. */
  readonly functionCredentials: Credentials;
  readonly parameters: Map<string, string>;
  readonly model: AwsModel;
  lambda: LambdaHost | undefined;
  tasks: TaskHost | undefined;
  sessions: SessionGateway | undefined;
};

const accountId = "000000000000";

export async function openAws(options: {
  readonly port: number;
  readonly region: string;
  readonly secrets: SecretStore;
  readonly objects: ObjectStore;
  readonly logs: LogStore;
  readonly onLog: (line: string) => void;
  readonly opened: AsyncDisposableStack;
  readonly clock: Clock;
}): Promise<LocalAws> {
  const { port, region, secrets, objects, logs, onLog, opened, clock } = options;
  const [credentials, functionCredentials] = [makeKey(), makeKey()];
  const aws = {
    credentials,
    functionCredentials,
    parameters: new Map(),
    model: opened.use(createAwsModel(noResources, clock)),
    lambda: undefined,
    tasks: undefined,
    sessions: undefined,
  } as Omit<LocalAws, "endpoint">;
  const endpoint = opened.use(
    await withFlag(port, portFlags.aws, async () =>
      startAwsEndpoint({
        port,
        credentials,
        functionCredentials,
        region,
        accountId,
        parameters: aws.parameters,
        secrets,
        objects,
        logs,
        lambda: () => aws.lambda,
        tasks: () => aws.tasks,
        sessions: () => aws.sessions,
        resources: () => aws.model.read(),
        change: (change) => aws.model.change(change),
        onLog,
        clock,
      }),
    ),
  );
  return Object.assign(aws, { endpoint });
}

/** New at every start: whoever got hold of the last one's has nothing. */
function makeKey(): Credentials {
  return {
    accessKeyId: `LOCAL${randomBytes(10).toString("hex").toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString("base64url"),
  };
}

/** @returns the health URL, without a path */
export async function openFunctions(options: {
  readonly facts: StageFacts;
  readonly bundles: BuiltFunctions["parts"];
  readonly aws: LocalAws;
  readonly port: number;
  readonly onLine: (line: string) => void;
  readonly opened: AsyncDisposableStack;
  readonly clock: Clock;
}): Promise<string> {
  const { facts, bundles, aws, port, onLine, opened, clock } = options;
  const lambda = opened.use(
    await startLambdaHost({
      functions: describeFunctions(facts, bundles),
      region: facts.region,
      accountId,
      onLog: ({ functionName: name, line }) => onLine(`${name} ${line}`),
      clock,
    }),
  );
  aws.lambda = lambda;
  aws.tasks = opened.use(
    startTaskHost({
      tasks: [describeTask(facts, bundles.runner.dir)],
      region: facts.region,
      accountId,
      onLog: ({ taskDefinition, line }) => onLine(`${taskDefinition} ${line}`),
    }),
  );
  const health = functionName(facts.stage, "health");
  const { url } = opened.use(
    await withFlag(port, portFlags.health, async () => startFunctionUrl({ port, functionName: health, lambda, clock })),
  );
  return url;
}

/** Session Manager with one bastion, which sees this machine's loopback as its own. */
export async function openGateway(options: {
  readonly facts: StageFacts;
  readonly aws: LocalAws;
  readonly onLog: (line: string) => void;
  readonly opened: AsyncDisposableStack;
  readonly clock: Clock;
}): Promise<SessionGateway> {
  const { facts, aws, onLog, opened, clock } = options;
  const { host, port } = facts.database;
  const gateway = opened.use(
    await startSessionGateway({
      database: (wanted, wantedPort) => (isHere(wanted, host) ? { host, port: wantedPort } : undefined),
      documents: { [tunnelDocumentName(facts.stage)]: { host, port } },
      credentials: aws.credentials,
      onLog,
      clock,
    }),
  );
  aws.sessions = gateway;
  return gateway;
}

/** No other host is within the reach of this bastion: a name that leads elsewhere has no address there. */
function isHere(wanted: string, host: string): boolean {
  return wanted === host || wanted === "localhost";
}

/** Lets the command line find the stage: the manifest for everyone, `aws.json` for `--stage local`. */
export async function publishStage(options: {
  readonly facts: StageFacts;
  readonly bundle: BundleInfo;
  readonly healthUrl: string;
  readonly aws: LocalAws;
  readonly dataDir: string;
  readonly opened: AsyncDisposableStack;
  readonly clock: Clock;
}): Promise<AwsAccess> {
  const { facts, bundle, healthUrl, aws, dataDir, opened, clock } = options;
  const { endpoint, credentials } = aws;
  aws.model.change(() => describeResources(facts, clock.wallTime()));
  const manifest = describeStage(facts, bundle, healthUrl);
  aws.parameters.set(manifestParameterName(facts.stage), JSON.stringify(manifest));
  const file = join(dataDir, "aws.json");
  opened.defer(async () => rm(file, { force: true }));
  const { caFile } = facts.database;
  const content = { url: endpoint.url, region: facts.region, ...credentials, caFile };
  await writeWhole(file, `${JSON.stringify(content, null, 2)}\n`);
  return {
    source: "local-stage",
    endpoint: endpoint.url,
    region: facts.region,
    credentials,
    databaseCaFile: caFile,
  };
}

async function withFlag<Value>(port: number, flag: string, start: () => Promise<Value>): Promise<Value> {
  try {
    return await start();
  } catch (error) {
    if (error instanceof PosternError && error.code === "port.taken") throw portTaken(port, flag, error.cause);
    throw error;
  }
}
