/**
 * How AWS is reached: as the AWS SDK finds it (environment, profile), or the endpoint of the local stage. Only plain
 * data, so that nobody loads an AWS client to pass it on.
 */
export type AwsAccess = {
  readonly source: "environment" | "local-stage";
  readonly endpoint?: string;
  readonly region?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** The CA of the local stage's database, which no region has. */
  readonly databaseCaFile?: string;
};

export const environmentAccess: AwsAccess = { source: "environment" };

/** Whether the AWS SDK talks to an endpoint that somebody named, which has no host name for each bucket. */
export function hasOwnEndpoint(env: Readonly<Record<string, string | undefined>>): boolean {
  return [env["AWS_ENDPOINT_URL"], env["AWS_ENDPOINT_URL_S3"]].some((url) => url !== undefined && url !== "");
}

export type ClientLimits = {
  /** Until the whole answer is here. Default 10 s. */
  readonly requestTimeoutMs?: number;
  /** Default 3. Calls that must not happen twice say 1. */
  readonly maxAttempts?: number;
};

const defaults = { connectTimeoutMs: 3000, requestTimeoutMs: 10_000, maxAttempts: 3 } as const;

/** The constructor argument of any AWS client. What `access` leaves open is found as the SDK finds it. */
export function clientConfig(access: AwsAccess, limits: ClientLimits = {}) {
  return {
    // An endpoint of our own has no FIPS or dual-stack form, whatever a developer's profile asks for.
    ...(access.endpoint === undefined
      ? {}
      : { endpoint: access.endpoint, useFipsEndpoint: false, useDualstackEndpoint: false }),
    ...(access.region === undefined ? {} : { region: access.region }),
    ...(access.credentials === undefined ? {} : { credentials: access.credentials }),
    maxAttempts: limits.maxAttempts ?? defaults.maxAttempts,
    requestHandler: {
      connectionTimeout: defaults.connectTimeoutMs,
      requestTimeout: limits.requestTimeoutMs ?? defaults.requestTimeoutMs,
      // Without this the SDK only logs a warning and waits on.
      throwOnRequestTimeout: true,
    },
  };
}

/** The second argument of a client's `send`. */
export function sendOptions(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}
