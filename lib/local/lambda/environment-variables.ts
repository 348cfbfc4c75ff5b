import { baseEnvironment } from "../process/base-environment.ts";

/** Where the runtime API is (`host:port`), and what lets a client in. */
type RuntimeAccess = { readonly address: string; readonly secret: string };

export type EnvironmentVariablesOptions = {
  readonly functionName: string;
  readonly handler: string;
  readonly bundleDir: string;
  readonly memoryMb: number;
  readonly region: string;
  readonly logStreamName: string;
  readonly runtimeApi: RuntimeAccess;
  /** What the function's own configuration says; it cannot replace a reserved variable. */
  readonly env: Readonly<Record<string, string>>;
};

/**
 * The environment of a function's process: what every program of a stage has, what the function's configuration sets, and what
 * Lambda sets.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
export function environmentVariables(options: EnvironmentVariablesOptions): Record<string, string> {
  return {
    ...baseEnvironment(),
    ...options.env,
    _HANDLER: options.handler,
    AWS_REGION: options.region,
    AWS_DEFAULT_REGION: options.region,
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    AWS_LAMBDA_FUNCTION_NAME: options.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(options.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_LAMBDA_LOG_FORMAT: "Text",
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${options.functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: options.logStreamName,
    AWS_LAMBDA_RUNTIME_API: options.runtimeApi.address,
    // `rapid-client.mjs` takes it out again before the function is loaded.
    POSTERN_RUNTIME_SECRET: options.runtimeApi.secret,
    LAMBDA_TASK_ROOT: options.bundleDir,
    LAMBDA_RUNTIME_DIR: "/var/runtime",
  };
}
