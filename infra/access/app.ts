import { App, type AppProps, BootstraplessSynthesizer, type IStackSynthesizer, Stack, Tags } from "aws-cdk-lib";
import { appName, tagKeys } from "#lib/contract.ts";
import { type AccessSettings, type Account, contextKey, parseAccessSettings } from "./settings.ts";

/**
 * The account's access baseline: a stack for each account, and nothing in it that a stage makes or needs to exist.
 *
 * @param props what CDK takes for an app; its context has the settings, unless the CDK's command line gives others
 * @throws AccessSettingsRefused before anything is declared
 */
export function createAccessApp(props: AppProps): App {
  const app = new App({ analyticsReporting: false, treeMetadata: false, stackTraces: false, ...props });
  const settings = parseAccessSettings(app.node.tryGetContext(contextKey));
  for (const account of settings.accounts) declareAccount(app, account, settings);
  return app;
}

export function stackName(account: Pick<Account, "name">): string {
  return `${appName}-access-${account.name}`;
}

function declareAccount(app: App, account: Account, _settings: AccessSettings): Stack {
  const stack = new Stack(app, stackName(account), {
    description: "Who may do what with the stages of this account.",
    env: { account: account.id, region: account.region },
    terminationProtection: true,
    // CDK's bootstrap would make roles of its own, one of them an administrator's: there is nothing here that needs them.
    // Whoever deploys does it with his own rights. A template without a bucket may have 51,200 bytes.
    // (The class and the interface differ in whether the qualifier may be undefined.)
    synthesizer: new BootstraplessSynthesizer() as IStackSynthesizer,
  });
  Tags.of(stack).add(tagKeys.app, appName);
  Tags.of(stack).add(tagKeys.part, "access");
  return stack;
}
