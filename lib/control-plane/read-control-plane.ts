import { EC2Client } from "@aws-sdk/client-ec2";
import { RDSClient } from "@aws-sdk/client-rds";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { STSClient } from "@aws-sdk/client-sts";
import type { Manifest } from "#lib/contract.ts";
import { clientConfig } from "#lib/stage/aws-access.ts";
import { type DatabaseEvent, type DatabaseInstance, readDatabase, readEvents } from "./database.ts";
import { ask, type AskOptions, defaultLimitMs, type Fact, valueOf } from "./fact.ts";
import { type Identity, readIdentity } from "./identity.ts";
import { type NetworkFacts, readNetwork } from "./network/read-network.ts";
import { type DatabaseProxy, type ProxyTarget, readProxy, readProxyTargets } from "./proxy.ts";
import { readSecretState, type SecretState } from "./secret-state.ts";
import { readGroups, readStageGroups, type SecurityGroup } from "./security-groups.ts";

/** What AWS says of a stage, question by question. */
export type ControlPlaneFacts = {
  readonly identity: Fact<Identity>;
  readonly network: NetworkFacts;
  readonly groups: Fact<readonly SecurityGroup[]>;
  /** Undefined inside: there is no such instance. */
  readonly database: Fact<DatabaseInstance | undefined>;
  readonly events: Fact<readonly DatabaseEvent[]>;
  /** Absent where the stage has no proxy. */
  readonly proxy?: ProxyFacts;
};

export type ProxyFacts = {
  /** Undefined inside: there is no such proxy. */
  readonly itself: Fact<DatabaseProxy | undefined>;
  readonly targets: Fact<readonly ProxyTarget[]>;
  /** By owner, of the roles that the proxy logs in as. */
  readonly secrets: readonly { readonly owner: "app" | "health"; readonly state: Fact<SecretState> }[];
};

/**
 * Asks AWS about a stage, all questions side by side; the groups that do not carry its tags follow when it is known which they
 * are. Nothing is changed, and nothing throws but the caller's own signal.
 */
export async function readControlPlane(manifest: Manifest, options: AskOptions): Promise<ControlPlaneFacts> {
  const config = clientConfig(options.access, { requestTimeoutMs: options.limitMs ?? defaultLimitMs, maxAttempts: 2 });
  using clients = new DisposableStack();
  const opened = <Client extends { destroy(): void }>(client: Client) => clients.adopt(client, (one) => one.destroy());
  const ec2 = opened(new EC2Client(config));
  const rds = opened(new RDSClient(config));
  const sts = opened(new STSClient(config));
  const secretsManager = opened(new SecretsManagerClient(config));

  const { instanceId } = manifest.database;
  const reading = {
    network: readNetwork(manifest, options),
    database: ask("rds:DescribeDBInstances", options, (signal) => readDatabase(rds, instanceId, signal)),
    proxy: readProxyFacts(manifest, { rds, secretsManager }, options),
  };
  const [identity, network, database, events, proxy, groups] = await Promise.all([
    ask("sts:GetCallerIdentity", options, (signal) => readIdentity(sts, signal)),
    reading.network,
    reading.database,
    ask("rds:DescribeEvents", options, (signal) => readEvents(rds, instanceId, signal)),
    reading.proxy,
    readAllGroups(manifest, ec2, reading, options),
  ]);
  return { identity, network, groups, database, events, ...(proxy === undefined ? {} : { proxy }) };
}

type Reading = {
  readonly network: Promise<NetworkFacts>;
  readonly database: Promise<Fact<DatabaseInstance | undefined>>;
  readonly proxy: Promise<ProxyFacts | undefined>;
};

/** The stage's own groups, and those that its parts are in beside. */
async function readAllGroups(
  { stage }: Manifest,
  ec2: EC2Client,
  reading: Reading,
  options: AskOptions,
): Promise<Fact<readonly SecurityGroup[]>> {
  const [ours, network, database, proxy] = await Promise.all([
    ask("ec2:DescribeSecurityGroups", options, (signal) => readStageGroups(ec2, stage, signal)),
    reading.network,
    reading.database,
    reading.proxy,
  ]);
  if (ours.kind === "unknown") return ours;
  const used = [
    ...(valueOf(network.instances) ?? []).flatMap(({ groupIds }) => groupIds),
    ...(valueOf(database)?.groupIds ?? []),
    ...(valueOf(proxy?.itself)?.groupIds ?? []),
  ];
  const others = [...new Set(used)].filter((id) => ours.value.every((group) => group.id !== id));
  if (others.length === 0) return ours;
  const found = await ask("ec2:DescribeSecurityGroups", options, (signal) => readGroups(ec2, others, signal));
  return found.kind === "unknown" ? ours : { ...ours, value: [...ours.value, ...found.value], ms: ours.ms + found.ms };
}

type ProxyClients = { readonly rds: RDSClient; readonly secretsManager: SecretsManagerClient };

async function readProxyFacts(
  { proxy, secrets }: Manifest,
  { rds, secretsManager }: ProxyClients,
  options: AskOptions,
): Promise<ProxyFacts | undefined> {
  if (proxy === undefined) return undefined;
  const { name } = proxy;
  const readState = async (owner: "app" | "health") => {
    const secretId = secrets[owner];
    if (secretId === undefined) return [];
    const state = await ask("secretsmanager:DescribeSecret", options, (signal) =>
      readSecretState(secretsManager, secretId, signal),
    );
    return [{ owner, state }];
  };
  const [itself, targets, ...states] = await Promise.all([
    ask("rds:DescribeDBProxies", options, (signal) => readProxy(rds, name, signal)),
    ask("rds:DescribeDBProxyTargets", options, (signal) => readProxyTargets(rds, name, signal)),
    readState("app"),
    readState("health"),
  ]);
  return { itself, targets, secrets: states.flat() };
}
