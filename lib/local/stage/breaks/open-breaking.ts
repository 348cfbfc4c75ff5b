import type { Clock } from "#lib/base/clock.ts";
import { createJsonLog } from "#lib/base/log.ts";
import type { AwsModel } from "../../aws/model.ts";
import type { SessionGateway } from "../../gateway/gateway.ts";
import type { PausableServer } from "../../postgres/pausable-server.ts";
import type { ProxyRelay } from "../../proxy/relay.ts";
import { describeResources, type StageFacts } from "../description.ts";
import { applyEffects } from "../effects.ts";
import { openControl } from "./control.ts";
import { openWorkshop } from "./workshop.ts";

/**
 * Makes a stage one that can be broken, while it runs:
 *
 * 1. From now on its parts follow the control plane (`effects.ts`), whoever changes that.
 * 2. The command line may change it (`control.ts`).
 *
 * What is broken is not kept: a stage that starts is well.
 */
export async function openBreaking(options: {
  readonly facts: StageFacts;
  readonly aws: { readonly model: AwsModel };
  readonly gateway: SessionGateway;
  readonly database: PausableServer;
  readonly proxy: ProxyRelay;
  readonly dataDir: string;
  readonly onLog: (line: string) => void;
  readonly opened: AsyncDisposableStack;
  readonly clock: Clock;
}): Promise<void> {
  const { facts, aws, gateway, database, proxy, dataDir, onLog, opened, clock } = options;
  const log = createJsonLog(onLog);
  const onFailure = (error: unknown) => log.warn("a part did not follow", { error: String(error) });
  const startedAt = clock.wallTime();
  const effects = applyEffects({ model: aws.model, gateway, database, proxy, onFailure });
  const workshop = openWorkshop({
    model: aws.model,
    stage: facts.stage,
    healthy: () => describeResources(facts, startedAt),
    now: () => clock.wallTime(),
    settled: async () => effects.settled(),
  });
  opened.use(await openControl({ workshop, dataDir, onFailure }));
}
