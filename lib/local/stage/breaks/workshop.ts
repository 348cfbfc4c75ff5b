import { isDeepStrictEqual } from "node:util";
import type { AwsModel } from "../../aws/model.ts";
import { judgeReachability, type Reachability } from "../../aws/reachability.ts";
import type { AwsResources } from "../../aws/resources.ts";
import { settle } from "../../aws/settle.ts";
import { type BreakContext, type BreakName, breaks } from "./breaks.ts";

/** Where a running stage is broken and mended. */
export type Workshop = {
  break(name: BreakName): Promise<Damage>;
  /** Puts all of the control plane back as it was at the start. */
  mend(): Promise<Damage>;
  look(): Damage;
};

/** What is broken, and what follows from it. */
export type Damage = {
  /** Those that were broken and that nobody has mended since, however. */
  readonly broken: readonly BreakName[];
  readonly reach: Reachability;
};

export function openWorkshop(options: {
  readonly model: AwsModel;
  readonly stage: string;
  readonly healthy: () => AwsResources;
  readonly now: () => Date;
  /** Resolves when the stage's parts have followed the model. */
  readonly settled: () => Promise<void>;
}): Workshop {
  const { model, stage, healthy, now, settled } = options;
  const remembered = new Set<BreakName>();

  /** A break that is in force changes nothing when it is done again. */
  function isInForce(name: BreakName): boolean {
    const resources = model.read();
    return isDeepStrictEqual(settle(breakIn(resources, name, { stage, now: now() })), resources);
  }

  function look(): Damage {
    const broken = [...remembered].filter((name) => isInForce(name));
    return { broken, reach: judgeReachability(model.read()) };
  }

  return {
    look,
    break: async (name) => {
      remembered.add(name);
      model.change((before) => breakIn(before, name, { stage, now: now() }));
      await settled();
      return look();
    },
    mend: async () => {
      remembered.clear();
      model.change(() => healthy());
      await settled();
      return look();
    },
  };
}

function breakIn(before: AwsResources, name: BreakName, context: BreakContext): AwsResources {
  return breaks[name].apply(before, context);
}
