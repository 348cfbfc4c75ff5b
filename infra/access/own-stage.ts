import { appName, tagKeys } from "#lib/contract.ts";
import type { Account } from "./settings.ts";

/**
 * The stage that whoever asks may reach: his tag, whose value AWS puts in. Without the tag there is no value, and what has
 * this in it matches nothing. IAM takes no `*` into the value of a tag, so that nobody's is a pattern.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
 */
export const ownStage = `\${aws:PrincipalTag/${tagKeys.stage}}`;

/** On the tags of what is asked for, by the condition key that the service has for them. */
export function taggedAsOwnStage(prefix: "ssm:resourceTag" | "aws:ResourceTag"): Readonly<Record<string, string>> {
  return { [`${prefix}/${tagKeys.app}`]: appName, [`${prefix}/${tagKeys.stage}`]: ownStage };
}

export function protectedStages({ stages }: Account): string[] {
  return Object.keys(stages).filter((name) => stages[name]?.protected === true);
}

export function unprotectedStages({ stages }: Account): string[] {
  return Object.keys(stages).filter((name) => stages[name]?.protected === false);
}
