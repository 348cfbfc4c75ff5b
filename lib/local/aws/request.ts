import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** One HTTP request, read to its end. */
export type AwsRequest = {
  readonly method: string;
  /** As sent, still encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

export type AwsResponse = {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream, with its `content-length` in the headers, for what may be large. */
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array>;
};

export function singleHeader(request: Pick<AwsRequest, "headers">, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}

export function toAwsRequest(incoming: IncomingMessage, body: Buffer): AwsRequest {
  const [path = "/", query = ""] = (incoming.url ?? "/").split(/\?(.*)/su);
  return {
    method: incoming.method ?? "GET",
    path,
    query: new URLSearchParams(query),
    headers: incoming.headers,
    body,
  };
}
