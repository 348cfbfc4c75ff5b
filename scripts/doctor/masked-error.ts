import { PosternError } from "#lib/base/errors.ts";
import { mask } from "#lib/doctor/report/mask.ts";

/** What could not be done, as it may be shown: what AWS refuses, it refuses with the account's id. */
export function maskError(error: unknown, isUnmasked: boolean): unknown {
  if (!(error instanceof PosternError)) return error;
  const { code, sqlState } = error;
  const texts = { message: error.message, hint: error.hint };
  const { message, hint } = mask(texts, { isUnmasked, isForStrangers: false, secrets: [] });
  return new PosternError(code, message, { hint, sqlState, cause: error });
}
