import {
  localInstanceId,
  type SessionGateway,
  type SessionGatewayOptions,
  startSessionGateway,
} from "#lib/local/gateway/gateway.ts";
import { openRawClient, type RawClient } from "./raw-session-client.ts";

/** A gateway whose one document, `tunnel`, leads to the given port, whatever its host is called. */
export async function startTestGateway(
  port: { readonly host: string; readonly port: number },
  options: Partial<SessionGatewayOptions> = {},
): Promise<SessionGateway> {
  const documents = { tunnel: { host: "db.internal", port: 5432 } };
  return startSessionGateway({ database: port, documents, ...options });
}

/** A session of its own, and a client that has opened it. */
export async function openTestSession(
  gateway: SessionGateway,
  options: Parameters<typeof openRawClient>[1] = {},
): Promise<RawClient & { readonly sessionId: string }> {
  const access = gateway.startSession({ target: localInstanceId, documentName: "tunnel" });
  const client = await openRawClient(access, options);
  return Object.assign(client, { sessionId: access.sessionId });
}
