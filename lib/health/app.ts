import { Hono } from "hono";
import { toPosternError } from "#lib/base/errors.ts";
import type { HealthReport } from "#lib/protocol.ts";

/** Header with the reason code of a database that is down. */
const reasonHeader = "x-postern-reason";

/**
 * What the public sees: whether the service is up, and nothing about its insides. The whole report is no route: it
 * goes out in reply to a direct Invoke only (`functions/health.ts`), which IAM guards.
 */
export function createHealthApp(check: () => Promise<HealthReport>): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header("cache-control", "no-store");
  });
  app.get("/api/health", async (context) => {
    const { status, service, stage, time, database } = await check();
    if (database.reason !== undefined) context.header(reasonHeader, database.reason);
    return context.json({ status, service, stage, time }, status === "down" ? 503 : 200);
  });
  app.notFound((context) => context.json({ status: "not-found" }, 404));
  app.onError((error, context) => {
    context.header(reasonHeader, toPosternError(error).code);
    return context.json({ status: "down" }, 503);
  });
  return app;
}
