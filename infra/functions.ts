import type { Bundles } from "./bundles.ts";
import { createFunction, type DeclaredFunction, type Reach } from "./lambda/function.ts";
import type { Network } from "./network.ts";
import { mayDecryptSecrets, mayWriteSecrets, type Statement } from "./roles.ts";
import type { StageSettings } from "./settings/schema.ts";

/** What the functions need to know of a database. */
export type DatabaseAccess = Reach & {
  /** Another one when the database is. */
  readonly identity: $util.Input<string>;
  /** ARNs. */
  readonly secrets: Readonly<Record<"master" | "migrator" | "app" | "health", $util.Output<string>>>;
  /** ARN of the key that the master's secret needs beside; undefined with AWS's own. */
  readonly masterKeyArn?: string | undefined;
};

/** Where functions are put and what they are made of. */
export type Surroundings = {
  readonly settings: StageSettings;
  readonly network: Network;
  readonly bundles: Bundles;
};

/**
 * Whatever changes the database: setup, migrations, seeds. It connects to the instance, never through the proxy, and may
 * read every service secret, because it makes the roles and rotates their passwords.
 *
 * An event that is not begun within a minute is dropped, and none is tried again: who asked for a run watches it in the
 * ledger, and asks again under the same run id. Lambda's own retries would begin a run hours later that nobody waits for.
 */
export function declareRunner(
  { settings, network, bundles }: Surroundings,
  database: DatabaseAccess,
  alsoMay: readonly Statement[] = [],
): DeclaredFunction {
  const runner = createFunction(
    {
      part: "runner",
      name: "Runner",
      description: "Runner",
      folder: bundles.folders.runner,
      timeoutSeconds: 900,
      memoryMb: 1024,
      reach: database,
      secrets: database.secrets,
      alsoMay: [...mayDecryptMaster(database), ...mayMakePasswords(database), ...alsoMay],
    },
    settings,
    network,
  );
  new aws.lambda.FunctionEventInvokeConfig("RunnerInvocations", {
    functionName: runner.resource.name,
    maximumRetryAttempts: 0,
    maximumEventAgeInSeconds: 60,
  });
  return runner;
}

/** For whoever reads the master's secret, where a key of the account's own encrypts it: that key, and for secrets only. */
export function mayDecryptMaster({ masterKeyArn }: DatabaseAccess): readonly Statement[] {
  return masterKeyArn === undefined ? [] : [mayDecryptSecrets(masterKeyArn)];
}

/** Those of the services, not the master's, which RDS rotates. */
export function mayMakePasswords({ secrets: { migrator, app, health } }: DatabaseAccess): readonly Statement[] {
  return [mayWriteSecrets([migrator, app, health])];
}

/**
 * Answers while a run is on: status, progress, plan, cancel, probes. The doctor's probes go to the proxy, too, where there is one:
 * as health, whose login the proxy has, and which may do the least.
 */
export function declareInspect(
  { settings, network, bundles }: Surroundings,
  database: DatabaseAccess,
  proxy: Omit<Reach, "name"> | undefined,
) {
  const { migrator, health } = database.secrets;
  return createFunction(
    {
      part: "inspect",
      name: "Inspect",
      description: "Inspect",
      folder: bundles.folders.inspect,
      timeoutSeconds: 60,
      memoryMb: 512,
      reach: database,
      proxy,
      secrets: proxy === undefined ? { migrator } : { migrator, health },
    },
    settings,
    network,
  );
}

/**
 * Tells anybody whether the database answers, over HTTP. Public by design, as status pages and load balancers need it:
 * its public answer names no host and no error, checks that come at once are one, and so many may run and no more, unless
 * the account can reserve none. No CORS: it is not for other pages' scripts.
 *
 * @param reach the proxy, or the database where there is none
 */
export function declareHealth(
  { settings, network, bundles }: Surroundings,
  reach: Reach,
  { secrets: { health: secret } }: DatabaseAccess,
): DeclaredFunction & { readonly url: $util.Output<string> } {
  const health = createFunction(
    {
      part: "health",
      name: "Health",
      description: "Health",
      folder: bundles.folders.health,
      timeoutSeconds: 10,
      memoryMb: 256,
      reach,
      secrets: { health: secret },
      concurrency: settings.health.concurrency,
    },
    settings,
    network,
  );
  const { functionUrl } = new aws.lambda.FunctionUrl("HealthUrl", {
    functionName: health.resource.name,
    authorizationType: "NONE",
  });
  // Both are asked for since October 2025: for the URL itself, and for what is invoked through it.
  new aws.lambda.Permission("HealthUrlPublic", {
    action: "lambda:InvokeFunctionUrl",
    function: health.resource.name,
    principal: "*",
    functionUrlAuthType: "NONE",
  });
  new aws.lambda.Permission("HealthInvokedByUrl", {
    action: "lambda:InvokeFunction",
    function: health.resource.name,
    principal: "*",
    invokedViaFunctionUrl: true,
  });
  return { ...health, url: functionUrl };
}
