import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { createJsonLog } from "#lib/base/log.ts";
import { loopback } from "../net/free-port.ts";
import { readBody } from "../net/http-body.ts";
import { namesLoopback } from "../net/loopback-host.ts";
import { closeServer, listen } from "../net/http-server.ts";
import { AwsError } from "./aws-error.ts";
import { createCallers } from "./callers.ts";
import { ecsService, type TaskRunner } from "./ecs.ts";
import { ec2Service } from "./ec2/service.ts";
import { type LambdaInvoker, lambdaService } from "./lambda.ts";
import { createLogStore, type LogStore } from "./log-store.ts";
import { logsService } from "./logs.ts";
import type { Change } from "./model.ts";
import type { ObjectStore } from "./objects.ts";
import type { AwsService } from "./protocol.ts";
import { rdsService } from "./rds/service.ts";
import { type AwsResponse, toAwsRequest } from "./request.ts";
import type { AwsResources } from "./resources.ts";
import { s3Service } from "./s3.ts";
import type { SecretStore } from "./secret-store.ts";
import { secretsManagerService } from "./secrets-manager.ts";
import type { Credentials } from "./signature.ts";
import { ssmService } from "./ssm.ts";
import type { SessionManager } from "./ssm-sessions.ts";
import { stsService } from "./sts.ts";

export type AwsEndpointOptions = {
  /** 0: any free one. */
  readonly port: number;
  /** The key of people; with that of the functions the only one that may sign requests. Make them up for each stage. */
  readonly credentials: Credentials;
  /** The key of what runs in the private subnets. Default: no other one. */
  readonly functionCredentials?: Credentials;
  readonly region: string;
  readonly accountId: string;
  /** Parameter Store; read at each call. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly secrets: SecretStore;
  /** S3; without it no request is S3's. */
  readonly objects?: ObjectStore;
  /** CloudWatch Logs. Default: no group in it. */
  readonly logs?: LogStore;
  /** Asked at each call: the functions themselves need this endpoint's address to start. */
  readonly lambda: () => LambdaInvoker | undefined;
  /** ECS; asked at each call. Default: none. */
  readonly tasks?: () => TaskRunner | undefined;
  /** Session Manager; asked at each call. Default: none. */
  readonly sessions?: () => SessionManager | undefined;
  /** Asked at each call. */
  readonly resources: () => AwsResources;
  /** For calls that change the resources. Default: none is offered. */
  readonly change?: (change: Change) => void;
  /** One line for each defect: what the client sees as `InternalFailure`, without a word of why. */
  readonly onLog: (line: string) => void;
  readonly clock?: Clock;
};

export type AwsEndpoint = AsyncDisposable & {
  /** For AWS_ENDPOINT_URL. */
  readonly url: string;
};

/** More than any call here may carry: Lambda's 6 MB. */
const maxBodyBytes = 7 * 1024 * 1024;

/**
 * The AWS calls that Postern makes, on this machine, for the real AWS SDK. What is not offered is refused in the
 * words of AWS.
 *
 * Each request passes, in order: (1) a Host header that names loopback, so that a web page that points its own name
 * here (DNS rebinding) gets nothing; (2) the size limit; (3) the one service whose request it looks like; (4) its
 * signature, since other users of this machine reach loopback, too; (5) what its caller may do; (6) the operation. One of
 * a function that has no way out to AWS is never answered (`callers.ts`).
 */
export async function startAwsEndpoint(options: AwsEndpointOptions): Promise<AwsEndpoint> {
  const { region, accountId, clock = systemClock } = options;
  const log = createJsonLog(options.onLog);
  const callers = createCallers({ ...options, clock });
  const services: readonly AwsService[] = [
    stsService({ accountId }),
    ssmService({
      parameters: options.parameters,
      region,
      accountId,
      sessions: () => options.sessions?.(),
      resources: options.resources,
    }),
    secretsManagerService({ secrets: options.secrets, resources: options.resources, region, accountId, clock }),
    lambdaService({ lambda: options.lambda, resources: options.resources }),
    ecsService({ tasks: () => options.tasks?.() }),
    rdsService({ resources: options.resources, change: options.change, clock }),
    logsService({ logs: options.logs ?? createLogStore() }),
    ec2Service({ resources: options.resources, change: options.change, accountId }),
    // Last: its requests are known by their path alone.
    ...(options.objects === undefined ? [] : [s3Service({ objects: options.objects })]),
  ];

  async function answer(incoming: IncomingMessage): Promise<AwsResponse | undefined> {
    if (!namesLoopback(incoming.headers.host)) return plainResponse(421, "Expected a loopback Host header.");
    const requestId = randomUUID();
    const body = await readBody(incoming, maxBodyBytes);
    const request = toAwsRequest(incoming, body ?? Buffer.alloc(0));
    const service = services.find((one) => one.isCalledBy(request));
    if (body === undefined) {
      const error = new AwsError("RequestEntityTooLargeException", "The body is too large.", { statusCode: 413 });
      return service?.fail(error, requestId) ?? plainResponse(413, error.message);
    }
    if (service === undefined) return plainResponse(404, "No AWS service that is offered here has such a request.");
    if (!callers.reach(request, service)) return undefined;
    try {
      callers.admit(request, service);
      return await service.handle(request, requestId);
    } catch (error) {
      if (error instanceof AwsError) return service.fail(error, requestId);
      log.warn("defect in the local AWS endpoint", { requestId, service: service.signingName, error: describe(error) });
      return service.fail(
        new AwsError("InternalFailure", "An internal error occurred.", { statusCode: 500 }),
        requestId,
      );
    }
  }

  const server = createServer((incoming, outgoing) => {
    answer(incoming)
      // Without one it is as if the request had not arrived: the client waits until it gives up.
      .then(async (response) => (response === undefined ? undefined : send(outgoing, response)))
      // The client went away in the middle of its own request, or of the answer.
      .catch(() => outgoing.destroy());
  });
  const { port } = await listen(server, options.port);
  return {
    url: `http://${loopback}:${port}`,
    [Symbol.asyncDispose]: () => closeServer(server),
  };
}

/** With its stack: it is for those who mend it. */
function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function plainResponse(statusCode: number, message: string): AwsResponse {
  return { statusCode, headers: { "content-type": "text/plain" }, body: `${message}\n` };
}

async function send(outgoing: ServerResponse, { statusCode, headers, body }: AwsResponse): Promise<void> {
  outgoing.writeHead(statusCode, headers);
  if (typeof body === "string" || body instanceof Uint8Array) outgoing.end(body);
  else await pipeline(body, outgoing);
}
