import { localInstanceId } from "#lib/local/gateway/gateway.ts";
import { ssmTransport } from "#lib/tunnel/ssm/transport.ts";
import { startTestEndpoint } from "../support/aws-endpoint.ts";
import { startTestGateway } from "../support/session-gateway.ts";
import { describeTransport, type RigFactory } from "./transport-suite.ts";

const ssmRig =
  (options: { readonly agentVersion?: string; readonly sessions?: number }): RigFactory =>
  async (farEnd) => {
    const { sessions, ...gatewayOptions } = options;
    await using stack = new AsyncDisposableStack();
    const gateway = stack.use(await startTestGateway(farEnd, gatewayOptions));
    const endpoint = stack.use(await startTestEndpoint({ sessions: gateway }));
    const { endpoint: url, region, credentials } = endpoint.config();
    const all = stack.move();
    return {
      transport: ssmTransport({
        target: localInstanceId,
        documentName: "tunnel",
        host: "db.internal",
        port: 5432,
        access: { source: "local-stage", endpoint: url, region, credentials },
        ...(sessions === undefined ? {} : { sessions }),
      }),
      refusal: "ssm.refused",
      // Of several sessions each has its own: a stream ends with the reason of the one that carried it.
      ...(sessions === undefined
        ? {
            cut: () => {
              gateway.faults = { refuseResume: "ended" };
              gateway.dropSockets("cut");
            },
          }
        : {}),
      stall: () => {
        gateway.faults = { blackHole: true };
      },
      carriers: () => gateway.sessions().filter(({ state }) => state === "open").length,
      [Symbol.asyncDispose]: async () => all.disposeAsync(),
    };
  };

describeTransport("ssm", ssmRig({}));
describeTransport("ssm (4 sessions)", ssmRig({ sessions: 4 }));
