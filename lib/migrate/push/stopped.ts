import { PosternError } from "#lib/base/errors.ts";

const nothingKept = "Nothing was changed.";

/** Why a push ends: the run was cancelled or lost its lease, or whoever asked for it has called it off. */
export function stopped({ reason: cause }: AbortSignal): PosternError {
  if (cause instanceof PosternError && cause.code === "run.cancelled") {
    return new PosternError(cause.code, cause.message, { cause, hint: nothingKept });
  }
  if (cause instanceof PosternError && cause.code !== "aborted") return cause;
  return new PosternError("aborted", "The push was stopped: nothing was changed.", { cause });
}
