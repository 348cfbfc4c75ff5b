import { appName } from "#lib/contract.ts";
import config from "../postern.config.ts";
import { declareDatabase } from "./database.ts";
import { declareProxy } from "./database/proxy.ts";
import { declareNetwork } from "./network.ts";
import { resolveSettings } from "./settings/resolve.ts";
import { tagEverything } from "./tags.ts";

/** The version that this version of SST brings; another one would be fetched beside it. */
const awsProviderVersion = "7.20.0";

/** What SST asks before anything else; a stage whose settings contradict each other is refused here. */
export function describeApp(stage: string) {
  const { protected: isProtected } = resolveSettings(stage, config);
  return {
    name: appName,
    home: "aws" as const,
    providers: { aws: { version: awsProviderVersion } },
    /** With `protect`, `sst remove` refuses; with `retain`, what holds data stays when it is removed all the same. */
    protect: isProtected,
    removal: isProtected ? ("retain" as const) : ("remove" as const),
  };
}

/** Declares everything that a stage is made of. Nothing is declared when its settings are refused. */
export async function declareStage(stage: string) {
  const settings = resolveSettings(stage, config);
  tagEverything(stage);
  const network = await declareNetwork(settings);
  const database = await declareDatabase(settings, network);
  declareProxy(settings, { network, database, after: [] });
  return { vpc: network.vpcId };
}
