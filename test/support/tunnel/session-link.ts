import { systemClock } from "#lib/base/clock.ts";
import { localInstanceId, type SessionGateway, type SessionGatewayOptions } from "#lib/local/gateway/gateway.ts";
import { createSessionApi, type SessionApi } from "#lib/tunnel/ssm/session/session-api.ts";
import { openSessionLink, type SessionLinkOptions } from "#lib/tunnel/ssm/session-link.ts";
import type { Link } from "#lib/tunnel/transport.ts";
import { startTestEndpoint } from "../aws-endpoint.ts";
import { startTestGateway } from "../session-gateway.ts";

export type SessionScene = AsyncDisposable & {
  readonly gateway: SessionGateway;
  readonly api: SessionApi;
  /** What the links logged. */
  readonly log: readonly string[];
  open(options?: Partial<SessionLinkOptions>): Promise<Link>;
};

/** A gateway in front of a port, and links to it through the signed API. */
export async function openSessionScene(
  port: { readonly host: string; readonly port: number },
  options: Partial<SessionGatewayOptions> = {},
): Promise<SessionScene> {
  await using stack = new AsyncDisposableStack();
  const gateway = stack.use(await startTestGateway(port, options));
  const endpoint = stack.use(await startTestEndpoint({ sessions: gateway }));
  const { endpoint: url, region, credentials } = endpoint.config();
  const api = stack.use(createSessionApi({ source: "local-stage", endpoint: url, region, credentials }));
  const log: string[] = [];
  const write = (message: string, fields: object = {}) => void log.push(`${message} ${JSON.stringify(fields)}`);
  const links = stack.use(new AsyncDisposableStack());
  const all = stack.move();
  return {
    gateway,
    api,
    log,
    open: async (overrides = {}) => {
      const request = { target: localInstanceId, documentName: "tunnel" };
      const defaults = { api, request, clock: systemClock, log: { info: write, warn: write } };
      const linkOptions = { ...defaults, destination: "db.internal:5432", ...overrides };
      return links.use(await openSessionLink(linkOptions, new AbortController().signal));
    },
    [Symbol.asyncDispose]: async () => all.disposeAsync(),
  };
}
