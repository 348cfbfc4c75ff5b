import * as v from "valibot";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";

/** How a role logs in. */
export type RoleSecret = { readonly username: string; readonly password: string };

export interface SecretReader {
  /** The secret, at most `ttlMs` old. */
  read(secretId: string): Promise<RoleSecret>;
  /** The secret as it is now: for a login that was rejected (28P01), because the password may have been rotated. */
  refresh(secretId: string): Promise<RoleSecret>;
}

export type SecretReaderOptions = {
  /** Default: AWS Secrets Manager, loaded at the first read. */
  readonly fetchText?: (secretId: string) => Promise<string>;
  /** Default 5 minutes: a rotated secret is noticed by a rejected login; this is for everything else. */
  readonly ttlMs?: number;
  readonly clock?: Clock;
};

const secretSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ username: v.pipe(v.string(), v.nonEmpty()), password: v.pipe(v.string(), v.nonEmpty()) }),
);

const defaults = Object.freeze({ ttlMs: 300_000 });

/** Reads secrets once for everybody who asks at the same time, and keeps them for a while. Failures are not kept. */
export function createSecretReader(options: SecretReaderOptions = {}): SecretReader {
  const fetchText = options.fetchText ?? fetchFromAws;
  const ttlMs = options.ttlMs ?? defaults.ttlMs;
  const clock = options.clock ?? systemClock;
  const entries = new Map<string, { readonly secret: Promise<RoleSecret>; readonly readAtMs: number }>();

  const refresh = (secretId: string): Promise<RoleSecret> => {
    const secret = fetchText(secretId).then((text) => parseSecret(text, secretId));
    const entry = { secret, readAtMs: clock.nowMs() };
    entries.set(secretId, entry);
    secret.catch(() => {
      if (entries.get(secretId) === entry) entries.delete(secretId);
    });
    return secret;
  };
  return {
    read: (secretId) => {
      const entry = entries.get(secretId);
      return entry !== undefined && clock.nowMs() - entry.readAtMs < ttlMs ? entry.secret : refresh(secretId);
    },
    refresh,
  };
}

async function fetchFromAws(secretId: string): Promise<string> {
  const { fetchSecretText } = await import("./secrets-manager.ts");
  return await fetchSecretText(secretId);
}

/**
 * @throws PosternError `secret.invalid`, without a word of the text: it is secret even when it is malformed
 */
export function parseSecret(text: string, secretId: string): RoleSecret {
  const result = v.safeParse(secretSchema, text);
  if (result.success) return result.output;
  throw new PosternError("secret.invalid", `The secret ${secretId} is not valid.`);
}
