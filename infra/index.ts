import { appName } from "#lib/contract.ts";
import config from "../postern.config.ts";
import { declareAlarms } from "./alarms.ts";
import { prepareBundles } from "./bundles.ts";
import { type Database, declareDatabase } from "./database.ts";
import { declareProxy } from "./database/proxy.ts";
import { declareMigrations, declareSetup } from "./deploy-hook.ts";
import { declareDevTabs } from "./dev.ts";
import { type DatabaseAccess, declareHealth, declareInspect, declareRunner } from "./functions.ts";
import { declareLongRuns, declareSeedsBucket, mayReadSeeds } from "./long-runs.ts";
import { lookUp } from "./look-ups.ts";
import { putRolesUnderBoundary } from "./boundary.ts";
import { declareManifest } from "./manifest.ts";
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

/**
 * Declares everything that a stage is made of. Nothing is declared when its settings are refused, or what is
 * there already and it would use, or when the bundles cannot be built.
 *
 * 1. The network and the database in it.
 * 2. The runner, which sets up the roles and their first passwords.
 * 3. The proxy, inspect and health, which log in with them.
 * 4. Where the stage wants it: migrations and seeds, long runs, alarms.
 * 5. The manifest, by which the command line finds all of it.
 *
 * After a failure halfway the next deploy goes on where it ended.
 */
export async function declareStage(stage: string) {
  const settings = resolveSettings(stage, config);
  const { region } = await aws.getRegion();
  const found = await lookUp(settings, region);
  const bundles = await prepareBundles(region);
  tagEverything(stage);
  if (settings.boundary === true) putRolesUnderBoundary(stage);
  const network = await declareNetwork(settings);
  const database = declareDatabase(settings, network, found);
  const access = accessTo(database);
  const around = { settings, network, bundles };

  const seeds = declareSeedsBucket(settings);
  const runner = declareRunner(around, access, mayReadSeeds(seeds));
  const hook = { bundles, runner, database: access };
  const setup = declareSetup({ ...hook, after: [...network.ready, ...database.ready] });

  const proxy = declareProxy(settings, { network, database, after: [setup] });
  const inspect = declareInspect(around, access, proxy);
  const { host, port, groupId } = (settings.health.via === "database" ? undefined : proxy) ?? access;
  const health = declareHealth(around, { host, port, groupId, name: access.name }, access);

  declareMigrations(settings, { ...hook, after: [setup, ...network.ready, ...(proxy?.ready ?? [])] });
  const longRuns = seeds && declareLongRuns(around, access, seeds);
  declareAlarms({
    settings,
    network,
    database,
    proxyName: proxy?.name,
    runner: runner.name,
    health: health.name,
    runnerLog: runner.logName,
    longRuns,
  });
  declareDevTabs();
  declareManifest({
    ...around,
    database: { ...access, instanceId: database.instanceId },
    proxy,
    functions: { runner: runner.name, inspect: inspect.name, health: health.name },
    healthUrl: health.url,
    longRuns: longRuns?.found,
  });
  return { vpc: network.vpcId, health: health.url };
}

function accessTo(database: Database): DatabaseAccess {
  const { host, port, name, groupId, resourceId, masterSecretArn, masterKeyArn, secrets } = database;
  const { migrator, app, health } = secrets;
  const arns = { master: masterSecretArn, migrator: migrator.arn, app: app.arn, health: health.arn };
  return { host, port, name, groupId, identity: resourceId, secrets: arns, masterKeyArn };
}
