import { App, type AppProps, BootstraplessSynthesizer, type IStackSynthesizer, Stack, Tags } from "aws-cdk-lib";
import { appName, tagKeys } from "#lib/contract.ts";
import { declareAudit, needsAudit } from "./audit.ts";
import { declareBreakGlass } from "./break-glass.ts";
import { declarePeople, glassPolicies } from "./people.ts";
import { declareCi, declareEnvironment } from "./ci.ts";
import { stackName } from "./names.ts";
import { type AccessSettings, type Account, contextKey, parseAccessSettings } from "./settings.ts";

/** What the CDK finds wrong with a template fails it, and nobody turns that off from outside. */
const postCliContext = { "@aws-cdk/core:validateAgainstDefaultRules": true };

/**
 * The account's access baseline: stacks for each account, and nothing in it that a stage makes or needs to exist.
 *
 * @param props what CDK takes for an app; its context has the settings, unless the CDK's command line gives others
 * @throws AccessSettingsRefused before anything is declared
 */
export function createAccessApp(props: AppProps): App {
  const app = new App({
    analyticsReporting: false,
    treeMetadata: false,
    stackTraces: false,
    // Else, below the CDK's command line, an app whose settings were refused is written all the same, without stacks.
    autoSynth: false,
    ...props,
    postCliContext,
  });
  const settings = parseAccessSettings(app.node.tryGetContext(contextKey));
  for (const account of settings.accounts) declareAccount(app, account, settings);
  return app;
}

const purposes = {
  people: "Who may do what with the stages of this account.",
  ci: "How CI comes into this account, and the most that what it deploys may do.",
  audit: "Who is told of tunnels to the protected stages of this account.",
} as const;

function declareAccount(app: App, account: Account, { repository }: AccessSettings): void {
  const people = createStack(app, account, stackName(account.name, "people"), purposes.people);
  const policies = declarePeople(people, account);
  declareBreakGlass(
    people,
    account,
    glassPolicies.map((key) => policies[key]),
  );
  declareCiStacks(app, account, repository);
  if (needsAudit(account)) {
    declareAudit(createStack(app, account, stackName(account.name, "audit"), purposes.audit), account);
  }
}

function declareCiStacks(app: App, account: Account, repository: AccessSettings["repository"]): void {
  const environments = Object.entries(account.environments);
  if (environments.length === 0) return;
  const common = createStack(app, account, stackName(account.name, "ci"), purposes.ci);
  declareCi(common, account);
  for (const [name, environment] of environments) {
    const description = `What CI may do with the stages of the environment ${name}.`;
    const stack = createStack(app, account, stackName(account.name, "ci", name), description);
    stack.addStackDependency(common);
    declareEnvironment(stack, account, { repository, name, ...environment });
  }
}

function createStack(app: App, account: Account, name: string, description: string): Stack {
  const stack = new Stack(app, name, {
    description,
    env: { account: account.id, region: account.region },
    terminationProtection: true,
    // CDK's bootstrap would make roles of its own, one of them an administrator's: there is nothing here that needs them.
    // Whoever deploys does it with his own rights.
    // (The class and the interface differ in whether the qualifier may be undefined.)
    synthesizer: new BootstraplessSynthesizer() as IStackSynthesizer,
  });
  Tags.of(stack).add(tagKeys.app, appName);
  Tags.of(stack).add(tagKeys.part, "access");
  return stack;
}
