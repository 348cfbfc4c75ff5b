import type { Clock } from "#lib/base/clock.ts";
import { openSessionLink } from "#lib/tunnel/ssm/session-link.ts";
import { createSessionApi } from "#lib/tunnel/ssm/session/session-api.ts";
import { routeOf, sessionRequest, silence, type SsmTransportOptions } from "#lib/tunnel/ssm/transport.ts";
import type { Transport } from "#lib/tunnel/transport.ts";

/** The ssm transport with payloads that the real service was never seen to take, for what the client itself is capable of. */
export function largePayloads(
  options: SsmTransportOptions & { readonly payloadBytes: number },
  clock: Clock,
): Transport {
  return {
    kind: "ssm",
    route: routeOf(options),
    connect: async (signal) =>
      await openSessionLink(
        {
          api: createSessionApi(options.access, options.region),
          clock,
          log: silence,
          request: sessionRequest(options),
          destination: `${options.host}:${options.port}`,
          paceBytesPerMs: 0,
          payloadBytes: options.payloadBytes,
        },
        signal,
      ),
  };
}
