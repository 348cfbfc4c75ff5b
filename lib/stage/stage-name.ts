import { PosternError } from "#lib/base/errors.ts";
import { isStageName, stageNameRule } from "#lib/contract.ts";

/** @throws PosternError `usage.invalid` */
export function parseStageName(name: string): string {
  if (isStageName(name)) return name;
  throw new PosternError(
    "usage.invalid",
    `The stage name ${JSON.stringify(name)} is not valid: expected ${stageNameRule}.`,
  );
}
