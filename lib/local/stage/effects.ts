import type { AwsModel } from "../aws/model.ts";
import { judgeReachability, type Reachability } from "../aws/reachability.ts";
import type { SessionGateway } from "../gateway/gateway.ts";
import type { PausableServer } from "../postgres/pausable-server.ts";
import type { ProxyRelay } from "../proxy/relay.ts";

/** What the network of the model does to the parts of the stage. */
export type Effects = {
  /** Resolves when the parts are as the model says; rejects when one did not follow. */
  settled(): Promise<void>;
};

const away = "The target instance is not connected.";

/**
 * Keeps the parts of a stage as the model says, from now on; what is said of functions the endpoint does itself, at each
 * call (`callers.ts`). After each change, from `judgeReachability` and nothing else:
 *
 * 1. The gateway knows which instances are online; open sessions with one that no longer is are ended.
 * 2. Where the database's group does not let the bastion in, its new connections get no answer. Those that are open stay:
 *    a security group does not touch what it has let in.
 * 3. The proxy leads to the database or keeps who connects waiting.
 * 4. PostgreSQL runs or does not.
 */
export function applyEffects(options: {
  readonly model: AwsModel;
  readonly gateway: SessionGateway;
  readonly database: PausableServer;
  readonly proxy: Pick<ProxyRelay, "setAvailable">;
  /** Of the database, which takes its time; the others cannot fail. */
  readonly onFailure: (error: unknown) => void;
}): Effects {
  const { model, gateway, database, proxy, onFailure } = options;
  let work = Promise.resolve();
  let last = work;

  function apply(): void {
    const { targets, letIn, databaseListens, proxyHasTarget } = judgeReachability(model.read());
    connectTargets(gateway, targets);
    gateway.faults = { ...gateway.faults, hangingDial: letIn.length === 0 };
    proxy.setAvailable(proxyHasTarget);
    last = work.then(async () => (databaseListens ? database.resume() : database.pause()));
    work = last.catch(onFailure);
  }

  model.onChange(apply);
  apply();
  return { settled: async () => last };
}

function connectTargets(gateway: SessionGateway, targets: Reachability["targets"]): void {
  const known = gateway.targets().map(({ instanceId }) => instanceId);
  // One that is terminated is not there at all.
  for (const id of known) gateway.setTarget(id, targets[id] ?? "stopped");
  for (const { sessionId, target, state } of gateway.sessions()) {
    if (state !== "over" && targets[target] !== "online") gateway.closeChannels(away, sessionId);
  }
}
