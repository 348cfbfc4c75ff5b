import { DescribeDBProxiesCommand, paginateDescribeDBProxyTargets, type RDSClient } from "@aws-sdk/client-rds";
import { sendOptions } from "#lib/stage/aws-access.ts";

export type DatabaseProxy = {
  /** `available`, `creating`, `modifying`, `insufficient-resource-limits`, … */
  readonly status: string;
  readonly groupIds: readonly string[];
};

/** What the proxy connects to, and whether it can. */
export type ProxyTarget = {
  readonly id: string;
  /** `AVAILABLE`, `REGISTERING`, `UNAVAILABLE`. */
  readonly state: string;
  /** As `AUTH_FAILURE`, `CONNECTION_FAILED`, `UNREACHABLE`, with RDS's words. */
  readonly reason?: string;
  readonly description?: string;
};

/** @returns undefined where there is no proxy of that name any more */
export async function readProxy(
  client: RDSClient,
  name: string,
  signal: AbortSignal,
): Promise<DatabaseProxy | undefined> {
  return await unlessGone(async () => {
    const answer = await client.send(new DescribeDBProxiesCommand({ DBProxyName: name }), sendOptions(signal));
    const [one] = answer.DBProxies ?? [];
    return one && { status: one.Status ?? "unknown", groupIds: one.VpcSecurityGroupIds ?? [] };
  });
}

/** Without a proxy there are none. */
export async function readProxyTargets(
  client: RDSClient,
  name: string,
  signal: AbortSignal,
): Promise<readonly ProxyTarget[]> {
  const read = async () => {
    const found: ProxyTarget[] = [];
    const pages = paginateDescribeDBProxyTargets({ client }, { DBProxyName: name }, sendOptions(signal));
    for await (const { Targets = [] } of pages) {
      for (const { RdsResourceId: id = "", TargetHealth = {} } of Targets) {
        const { State: state = "unknown", Reason: reason, Description: description } = TargetHealth;
        found.push({
          id,
          state,
          ...(reason === undefined ? {} : { reason }),
          ...(description === undefined ? {} : { description }),
        });
      }
    }
    return found;
  };
  return (await unlessGone(read)) ?? [];
}

async function unlessGone<Answer>(read: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Error && error.name.startsWith("DBProxyNotFound")) return undefined;
    throw error;
  }
}
