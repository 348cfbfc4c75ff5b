import { PosternError } from "#lib/base/errors.ts";

/** The stage that `postern local` runs on this machine. */
export const localStageName = "local";

/**
 * Letters, digits and single hyphens, from a letter: RDS refuses identifiers with a double or a trailing hyphen. At
 * most 31 characters, so that the longest name made of it (`postern-<stage>-…`) stays below the 63 that RDS allows
 * and the 64 of Lambda and IAM.
 */
const stageNamePattern = /^[a-z](?:-?[a-z0-9])*$/;
const maxLength = 31;

/** @throws PosternError `usage.invalid` */
export function parseStageName(name: string): string {
  if (name.length <= maxLength && stageNamePattern.test(name)) return name;
  const expected = `lower-case letters, digits and single hyphens, from a letter, at most ${maxLength} characters`;
  throw new PosternError("usage.invalid", `The stage name ${JSON.stringify(name)} is not valid: expected ${expected}.`);
}
