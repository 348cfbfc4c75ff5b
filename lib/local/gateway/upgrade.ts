import type { IncomingMessage } from "node:http";
import { type AwsRequest, toAwsRequest } from "../aws/request.ts";
import { type Credentials, verifySignature } from "../aws/signature.ts";
import { namesLoopback } from "../net/loopback-host.ts";

/** Whether a request may become a data channel: the session's id, or how it is refused. */
export type UpgradeVerdict = { readonly sessionId: string } | { readonly statusCode: number; readonly message: string };

const channelPath = /^\/v1\/data-channel\/([A-Za-z0-9_.@-]{1,96})$/u;

export function dataChannelUrl(base: string, sessionId: string): string {
  return `${base}/v1/data-channel/${sessionId}?role=publish_subscribe`;
}

/**
 * 1. The Host header names loopback (DNS rebinding), and no web page asks.
 * 2. The path and the query are those of a data channel.
 * 3. With credentials: the request is signed with them, for `ssmmessages`. Other users of this machine reach loopback.
 *
 * The token, which alone opens the session, comes in the first frame.
 */
export function judgeUpgrade(
  incoming: IncomingMessage,
  expected: { readonly credentials: Credentials | undefined; readonly now: Date },
): UpgradeVerdict {
  if (!namesLoopback(incoming.headers.host)) return refused(421, "Expected a loopback Host header.");
  if (incoming.headers.origin !== undefined) return refused(403, "Not for web pages.");
  const request = toAwsRequest(incoming, Buffer.alloc(0));
  const sessionId = channelPath.exec(request.path)?.[1];
  if (sessionId === undefined) return refused(404, "Expected /v1/data-channel/SESSION.");
  if (request.query.get("role") !== "publish_subscribe") return refused(400, "Expected role=publish_subscribe.");
  return refuseSignature(request, expected) ?? { sessionId };
}

function refuseSignature(
  request: AwsRequest,
  { credentials, now }: { readonly credentials: Credentials | undefined; readonly now: Date },
): { readonly statusCode: number; readonly message: string } | undefined {
  if (credentials === undefined) return undefined;
  const verdict = verifySignature(request, { credentials, service: "ssmmessages", now });
  return verdict === "ok" ? undefined : refused(403, `The signature is refused: ${verdict}.`);
}

function refused(statusCode: number, message: string): { readonly statusCode: number; readonly message: string } {
  return { statusCode, message };
}
