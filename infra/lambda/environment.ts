import { appName, functionEnv, type SecretOwner, secretVariables } from "#lib/contract.ts";
import type { StageSettings } from "../settings/schema.ts";

export type Target = {
  readonly host: $util.Input<string>;
  readonly port: number;
  /** Of the database. */
  readonly name: $util.Input<string>;
};

export type Secrets = Readonly<Partial<Record<SecretOwner, $util.Output<string>>>>;

/** What a function is told of its stage: exactly the variables of `functionEnv`, and of secrets only where they are. */
export function environmentOf(
  settings: StageSettings,
  { target, proxy, secrets }: { target: Target; proxy?: Omit<Target, "name"> | undefined; secrets: Secrets },
) {
  const variables: Record<string, $util.Input<string>> = {
    [functionEnv.app]: appName,
    [functionEnv.stage]: $app.stage,
    [functionEnv.protected]: String(settings.protected),
    [functionEnv.databaseHost]: target.host,
    [functionEnv.databasePort]: String(target.port),
    [functionEnv.databaseName]: target.name,
  };
  if (proxy !== undefined) {
    variables[functionEnv.proxyHost] = proxy.host;
    variables[functionEnv.proxyPort] = String(proxy.port);
  }
  for (const [owner, arn] of Object.entries(secrets)) variables[secretVariables[owner as SecretOwner]] = arn;
  return variables;
}
