import { PosternError } from "#lib/base/errors.ts";

/** Of all services, or of one. */
const endpointVariable = /^AWS_ENDPOINT_URL(?:_[A-Z0-9_]+)?$/u;

/**
 * Refuses an endpoint that the AWS SDK could not use: of each call it would say no more than "Invalid URL". An empty variable counts
 * as not set.
 *
 * @throws PosternError `config.invalid`, with the variables and what they are
 */
export function checkEndpointVariables(env: Readonly<Record<string, string | undefined>>): void {
  const wrong = Object.entries(env).filter(
    ([name, value = ""]) => endpointVariable.test(name) && value !== "" && !isEndpoint(value),
  );
  if (wrong.length === 0) return;
  const facts = wrong.map(
    ([name, value]) =>
      `${name} is ${JSON.stringify(value)}, expected a URL such as https://ssm.eu-central-1.amazonaws.com`,
  );
  const names = wrong.map(([name]) => name).join(" and ");
  throw new PosternError("config.invalid", `${facts.join("; ")}.`, { hint: `Set ${names} to a URL, or unset it.` });
}

function isEndpoint(value: string): boolean {
  return URL.canParse(value) && ["http:", "https:"].includes(new URL(value).protocol);
}
