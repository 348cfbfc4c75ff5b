/**
 * What the programs of a stage have of an environment, whatever runs them: of this machine's only PATH, the time zone and the
 * language that Lambda sets. The SDK must not find a developer's credentials, so its files are named and are not there.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
export function baseEnvironment(): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "",
    LANG: "en_US.UTF-8",
    TZ: ":UTC",
    AWS_CONFIG_FILE: "/nowhere/config",
    AWS_SHARED_CREDENTIALS_FILE: "/nowhere/credentials",
    AWS_EC2_METADATA_DISABLED: "true",
  };
}
