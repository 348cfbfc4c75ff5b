import { proxyLogGroup, proxyName } from "#lib/contract.ts";
import type { Database, Listener } from "../database.ts";
import type { Network } from "../network.ts";
import { createRole, mayReadSecrets } from "../roles.ts";
import { allow, createGroup } from "../security-groups.ts";
import type { StageSettings } from "../settings/schema.ts";
import { declareLog } from "./logs.ts";

export type DatabaseProxy = Listener & { readonly name: $util.Output<string> };

type ProxyPlace = {
  readonly network: Network;
  readonly database: Database;
  /** What has run `setup`: before it the proxy's secrets have no values, and no role could log in. */
  readonly after: readonly $util.Resource[];
};

const port = 5432;

/**
 * The RDS Proxy of a stage, for applications and for health. Undefined where the stage has none.
 *
 * 1. A role that may read the secrets of the app and health roles, and nothing else.
 * 2. The proxy, which takes TLS only and knows these two logins; SST's has the master's. Made after `setup`: a first
 *    deploy takes some minutes more, and a proxy never sees a secret without a value.
 * 3. The limits of its pool, then its target, the instance. `ready` is the target, and the rules that lead to the instance:
 *    nobody can connect before them.
 *
 * It holds no data, so that nothing of it stays, on a protected stage neither: it can be turned off and on again. Its name
 * is fixed; a change that AWS can only make with another proxy (its subnets) deletes it first, and applications are without
 * it for some minutes.
 */
export function declareProxy(settings: StageSettings, place: ProxyPlace): DatabaseProxy | undefined {
  const { proxy: wanted } = settings;
  if (!wanted.enabled) return undefined;
  const { network, database } = place;
  const name = proxyName($app.stage);
  const group = createGroup({
    name: "DatabaseProxyGroup",
    vpcId: network.vpcId,
    description: "Database proxy",
  });
  const rules = allow({
    name: "DatabaseProxyToInstance",
    from: group.id,
    to: database.groupId,
    port: database.port,
    description: "Proxy",
  });
  const log = declareLog({ name: "DatabaseProxyLog", logGroup: proxyLogGroup(name), isKept: false }, settings);
  const { app, health } = database.secrets;
  const { role, policy } = createRole("DatabaseProxy", "rds.amazonaws.com", [mayReadSecrets([app.arn, health.arn])]);
  const proxy = new aws.rds.Proxy(
    "DatabaseProxy",
    {
      name,
      engineFamily: "POSTGRESQL",
      requireTls: true,
      debugLogging: wanted.debugLogging,
      idleClientTimeout: wanted.idleTimeoutSeconds,
      roleArn: role.arn,
      auths: [
        login(app, wanted.iamForApp === true),
        // The health function has its secret, on every stage.
        login(health, false),
      ],
      vpcSubnetIds: network.privateSubnetIds,
      vpcSecurityGroupIds: [group.id],
    },
    { deleteBeforeReplace: true, dependsOn: [policy, log, ...database.ready, ...place.after] },
  );
  const pool = new aws.rds.ProxyDefaultTargetGroup("DatabaseProxyPool", {
    dbProxyName: proxy.name,
    connectionPoolConfig: {
      maxConnectionsPercent: wanted.maxConnectionsPercent,
      // Said always: the provider sends its default of 50 else, and RDS refuses more idle connections than connections.
      maxIdleConnectionsPercent: Math.min(50, wanted.maxConnectionsPercent),
      connectionBorrowTimeout: wanted.borrowTimeoutSeconds,
    },
  });
  const target = new aws.rds.ProxyTarget("DatabaseProxyTarget", {
    dbProxyName: proxy.name,
    targetGroupName: pool.name,
    dbInstanceIdentifier: database.instanceId,
  });
  return { name: proxy.name, host: proxy.endpoint, port, groupId: group.id, ready: [target, ...rules] };
}

function login(secret: aws.secretsmanager.Secret, isIam: boolean) {
  const known = { authScheme: "SECRETS", secretArn: secret.arn };
  if (isIam) return { ...known, iamAuth: "REQUIRED" };
  return { ...known, iamAuth: "DISABLED", clientPasswordAuthType: "POSTGRES_SCRAM_SHA_256" };
}
