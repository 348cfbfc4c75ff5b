import { type DeployWishes, deployEvent } from "#lib/contract.ts";
import type { Bundles } from "./bundles.ts";
import { hashBundle } from "./bundles/files.ts";
import type { DatabaseAccess } from "./functions.ts";
import type { DeclaredFunction } from "./lambda/function.ts";
import type { StageSettings } from "./settings/schema.ts";

type HookParts = {
  readonly bundles: Bundles;
  readonly runner: DeclaredFunction;
  readonly database: DatabaseAccess;
  /** What has to be there before, beside the function: its way to AWS, the instance, the proxy's target. */
  readonly after: readonly $util.Input<$util.Resource>[];
};

/**
 * Roles, first passwords and privileges, before anything logs in with them. The proxy is made after it: one that finds no
 * password in a secret is unhealthy.
 */
export function declareSetup(parts: HookParts): aws.lambda.Invocation {
  return invoke("DeployHookSetup", parts, {});
}

/** The migrations, and the seed set `reference`, of a deploy whose settings ask for them. */
export function declareMigrations({ deployHook }: StageSettings, parts: HookParts): void {
  const { migrate, seedReference } = deployHook;
  if (migrate) invoke("DeployHookMigrate", parts, { migrate, ...(seedReference ? { seed: "reference" } : {}) });
}

/**
 * Invokes the runner and waits for it. A FunctionError fails the deploy, and the next one invokes again.
 *
 * It is invoked again when the event, the code or the database is another one, and not else. The state keeps the event
 * and the reply, in neither of which is a secret.
 */
function invoke(name: string, { bundles, runner, database, after }: HookParts, wishes: DeployWishes) {
  return new aws.lambda.Invocation(
    name,
    {
      functionName: runner.resource.name,
      input: JSON.stringify(deployEvent(bundles.info, wishes)),
      triggers: { bundle: hashBundle(bundles.folders.runner), database: database.identity },
    },
    { dependsOn: [runner.resource, ...after] },
  );
}
