import { expect, test } from "vitest";
import type { HealthReport } from "#lib/protocol.ts";
import { createHealthApp } from "#lib/health/app.ts";
import { answerHttpEvent, isHttpEvent } from "#lib/health/function-url.ts";

const report: HealthReport = {
  status: "ok",
  service: "postern",
  stage: "dev",
  time: "2026-01-01T00:00:00.000Z",
  database: { ok: true, connection: "direct" },
  migrations: null,
};
const app = createHealthApp(async () => report);

function httpEvent(rawPath: string, extra: object = {}, method = "GET") {
  return { version: "2.0", rawPath, rawQueryString: "", headers: {}, requestContext: { http: { method } }, ...extra };
}

test("only requestContext.http makes an event of HTTP", () => {
  expect(isHttpEvent(httpEvent("/"))).toBe(true);
  expect(isHttpEvent({ requestContext: { http: null } })).toBe(true);
  for (const event of [{}, { action: "health" }, { requestContext: {} }, { rawPath: "/" }, null, undefined, "x", []]) {
    expect(isHttpEvent(event)).toBe(false);
  }
});

test("the app answers, as the function URL wants it", async () => {
  expect(await answerHttpEvent(httpEvent("/api/health"), app)).toMatchObject({
    statusCode: 200,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
    body: JSON.stringify({ status: "ok", service: "postern", stage: "dev", time: report.time }),
  });
});

test.each([
  ["a body that asks for the action", { body: '{"action":"health"}', action: "health" }],
  ["headers of an invocation", { headers: { "x-amz-invocation-type": "RequestResponse" } }],
  ["a query", { rawQueryString: "action=health&path=/api/health/database" }],
])("%s does not get at the details", async (_, extra) => {
  const onPath = await answerHttpEvent(httpEvent("/api/health", extra), app);
  expect(Object.keys(JSON.parse(onPath.body))).toEqual(["status", "service", "stage", "time"]);
  expect(await answerHttpEvent(httpEvent("/api/health/database", extra), app)).toMatchObject({ statusCode: 404 });
});

test.each([
  httpEvent("no-slash"),
  httpEvent("/api/health", {}, "BREW"),
  { requestContext: { http: null } },
  { requestContext: { http: { method: "GET" } } },
])("an event that AWS would not send is refused without a crash", async (event) => {
  expect(await answerHttpEvent(event, app)).toMatchObject({ statusCode: 400 });
});

test.each(["//evil.example/api/health", "/api/health?x", "/\\evil", "/%00", "/é"])(
  "an odd path is not found and stays a path: %j",
  async (path) => {
    expect(await answerHttpEvent(httpEvent(path), app)).toMatchObject({ statusCode: 404 });
  },
);
