import * as v from "valibot";

/**
 * Events of a Lambda function URL (payload format 2.0). Written here because hono's own adapter is deprecated, and
 * logs the stack of a request that it cannot build (a GET with a body is enough).
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
 */
const httpEventSchema = v.object({
  rawPath: v.pipe(v.string(), v.startsWith("/")),
  rawQueryString: v.optional(v.string(), ""),
  requestContext: v.object({
    http: v.object({ method: v.picklist(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) }),
  }),
});

export type HttpResult = {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/**
 * True for an event that came over HTTP. AWS writes `requestContext.http` itself and nothing that a caller sends can
 * remove it, so its absence proves a direct Invoke.
 */
export function isHttpEvent(event: unknown): boolean {
  if (typeof event !== "object" || event === null || !("requestContext" in event)) return false;
  const { requestContext } = event;
  return typeof requestContext === "object" && requestContext !== null && "http" in requestContext;
}

/** Answers an HTTP event with a web app. Headers and body are dropped unread: no route here takes anything of them. */
export async function answerHttpEvent(
  event: unknown,
  app: { fetch(request: Request): Response | Promise<Response> },
): Promise<HttpResult> {
  const parsed = v.safeParse(httpEventSchema, event);
  if (!parsed.success) return { statusCode: 400, headers: { "cache-control": "no-store" }, body: "" };
  const { rawPath, rawQueryString, requestContext } = parsed.output;
  const url = new URL("http://localhost");
  url.pathname = rawPath;
  url.search = rawQueryString;
  const response = await app.fetch(new Request(url, { method: requestContext.http.method }));
  return { statusCode: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
}
