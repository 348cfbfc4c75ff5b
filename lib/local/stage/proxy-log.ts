import type { Clock } from "#lib/base/clock.ts";
import { proxyLogGroup, roleNames } from "#lib/contract.ts";
import type { LogStore } from "../aws/log-store.ts";
import type { AwsResources } from "../aws/resources.ts";
import type { ProxyEvent } from "../proxy/relay.ts";

/** Of the roles that the proxy logs in as. */
const logins = [roleNames.app, roleNames.health];

/**
 * The log of the stage's proxy, of failures alone, as without `DebugLogging`: what becomes of who connects, by what AWS holds of
 * its target. Where the proxy cannot log in, it has tried with each of its logins, and the database has refused them in its own words.
 */
export function openProxyLog(options: {
  readonly proxy: string;
  readonly logs: LogStore;
  readonly resources: () => AwsResources;
  readonly clock: Clock;
}): (event: ProxyEvent) => void {
  const { proxy, logs, resources, clock } = options;
  const group = proxyLogGroup(proxy);
  let connections = 0;
  logs.make(group);

  const write = (kind: "client" | "db", text: string) => {
    connections += 1;
    const at = clock.wallTime();
    const head = `${at.toISOString()} [WARN] [proxyEndpoint=default] [${kind}Connection=${connections}]`;
    logs.write(group, { at, message: `${head} ${text}` });
  };
  return (event) => {
    if (event === "timed-out") {
      write("client", "Timed-out waiting to acquire database connection.");
      return;
    }
    const targets = resources().dbProxyTargets[proxy] ?? [];
    if (!targets.some(({ TargetHealth }) => TargetHealth?.Reason === "AUTH_FAILURE")) return;
    for (const role of logins) write("db", `password authentication failed for user "${role}"`);
  };
}
