/** @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const maxSyncPayloadBytes = 6 * 1024 * 1024;
export const maxAsyncPayloadBytes = 1024 * 1024;
/** `LogType: Tail`. */
export const maxLogTailBytes = 4 * 1024;
/** Loading a bundle; Lambda's own limit. */
export const initTimeoutMs = 10_000;
/** For a function that does not say; more than Lambda's own 128, which is too little for the SDK and a database. */
export const defaultMemoryMb = 512;
