import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import type { SshTransportOptions } from "./ssh/transport.ts";

/** What the variables say: the way there, and how it is kept. */
export type EnvironmentTunnel = {
  readonly ssh: SshTransportOptions;
  /** The names are those of `TunnelOptions`. */
  readonly tunnel: {
    readonly port?: number;
    readonly maxRetries?: number;
    readonly retryDelayMs?: number;
    readonly healthIntervalMs?: number;
  };
};

const wholeNumber = (least: number, most: number, unit = "") =>
  v.pipe(
    v.string(),
    v.check((text) => /^\d{1,10}$/u.test(text), expected(least, most, unit)),
    v.transform(Number),
    v.check((number) => number >= least && number <= most, expected(least, most, unit)),
  );

function expected(least: number, most: number, unit: string) {
  return ({ input }: { readonly input: unknown }) =>
    `expected a whole number from ${least} to ${most}${unit}, got ${JSON.stringify(input)}`;
}

const text = v.string("is missing");
const port = wholeNumber(1, 65_535);
const day = 24 * 60 * 60 * 1000;

const schema = v.pipe(
  v.object({
    SSH_HOST: text,
    SSH_PORT: v.exactOptional(port),
    SSH_USER: v.exactOptional(text),
    SSH_KEY_PATH: v.exactOptional(text),
    SSH_PRIVATE_KEY: v.exactOptional(text),
    SSH_PASSPHRASE: v.exactOptional(text),
    SSH_KNOWN_HOSTS: v.exactOptional(text),
    SSH_MAX_RETRIES: v.exactOptional(wholeNumber(0, 1_000_000)),
    // Whoever thinks of seconds is told.
    SSH_RETRY_DELAY: v.exactOptional(wholeNumber(50, day, " (milliseconds)")),
    SSH_HEALTH_CHECK_INTERVAL: v.exactOptional(wholeNumber(500, day, " (milliseconds)")),
    POSTGRES_REMOTE_HOST: text,
    POSTGRES_REMOTE_PORT: v.exactOptional(port),
    POSTGRES_LOCAL_PORT: v.exactOptional(wholeNumber(0, 65_535)),
  }),
  v.partialCheck(
    [["SSH_KEY_PATH"], ["SSH_PRIVATE_KEY"]],
    (env) => env.SSH_KEY_PATH === undefined || env.SSH_PRIVATE_KEY === undefined,
    "SSH_KEY_PATH and SSH_PRIVATE_KEY are both set: expected one of them",
  ),
);

/**
 * Reads a tunnel through SSH from the variables that teams have for theirs. An empty one counts as not set.
 *
 * | variable | |
 * |---|---|
 * | `SSH_HOST`, `SSH_PORT`, `SSH_USER` | the SSH server: a name, an address or an alias of `~/.ssh/config` |
 * | `SSH_KEY_PATH` or `SSH_PRIVATE_KEY`, `SSH_PASSPHRASE` | the key; without one, as `ssh` finds them |
 * | `SSH_KNOWN_HOSTS` | a file of known host keys, in the place of `~/.ssh/known_hosts` |
 * | `SSH_MAX_RETRIES` | failures in a row before it gives up; without it, never |
 * | `SSH_RETRY_DELAY` | the first pause, in ms; 200 |
 * | `SSH_HEALTH_CHECK_INTERVAL` | in ms; 15 000 |
 * | `POSTGRES_REMOTE_HOST`, `POSTGRES_REMOTE_PORT` | the database as the SSH server knows it; 5432 |
 * | `POSTGRES_LOCAL_PORT` | the local port; any free one |
 *
 * @throws PosternError `config.invalid`, with all that is wrong
 */
export function readTunnelEnvironment(variables: Readonly<Record<string, string | undefined>>): EnvironmentTunnel {
  const set = Object.entries(variables).filter(([, value]) => value !== undefined && value !== "");
  // Named, so that their absence is told in our words.
  const required = { SSH_HOST: undefined, POSTGRES_REMOTE_HOST: undefined };
  const env = parseInput(
    schema,
    { ...required, ...Object.fromEntries(set) },
    {
      what: "The environment of the tunnel",
      code: "config.invalid",
      hint: "Set SSH_HOST and POSTGRES_REMOTE_HOST; the others have defaults.",
    },
  );
  const key = keyOf(env);
  return {
    ssh: {
      server: env.SSH_HOST,
      host: env.POSTGRES_REMOTE_HOST,
      port: env.POSTGRES_REMOTE_PORT ?? 5432,
      ...(env.SSH_PORT === undefined ? {} : { serverPort: env.SSH_PORT }),
      ...(env.SSH_USER === undefined ? {} : { user: env.SSH_USER }),
      ...(key === undefined ? {} : { key }),
      ...(env.SSH_PASSPHRASE === undefined ? {} : { passphrase: env.SSH_PASSPHRASE }),
      ...(env.SSH_KNOWN_HOSTS === undefined ? {} : { knownHostsFile: env.SSH_KNOWN_HOSTS }),
    },
    tunnel: {
      ...(env.POSTGRES_LOCAL_PORT === undefined ? {} : { port: env.POSTGRES_LOCAL_PORT }),
      ...(env.SSH_MAX_RETRIES === undefined ? {} : { maxRetries: env.SSH_MAX_RETRIES }),
      ...(env.SSH_RETRY_DELAY === undefined ? {} : { retryDelayMs: env.SSH_RETRY_DELAY }),
      ...(env.SSH_HEALTH_CHECK_INTERVAL === undefined ? {} : { healthIntervalMs: env.SSH_HEALTH_CHECK_INTERVAL }),
    },
  };
}

function keyOf(env: v.InferOutput<typeof schema>): SshTransportOptions["key"] {
  if (env.SSH_KEY_PATH !== undefined) return { file: env.SSH_KEY_PATH };
  return env.SSH_PRIVATE_KEY === undefined ? undefined : { text: env.SSH_PRIVATE_KEY, from: "SSH_PRIVATE_KEY" };
}
