import { describe, expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import type { HealthReport } from "#lib/protocol.ts";
import { createHealthApp } from "#lib/health/app.ts";

const about = { service: "postern", stage: "dev", time: "2026-01-01T00:00:00.000Z" };
const ok: HealthReport = {
  status: "ok",
  ...about,
  database: { ok: true, latencyMs: 3, tls: "TLSv1.3", serverVersion: "18.4", connection: "direct" },
  migrations: { applied: 3, pending: 0 },
};
const degraded: HealthReport = { ...ok, status: "degraded", migrations: { applied: 2, pending: 1 } };
const down: HealthReport = {
  status: "down",
  ...about,
  database: { ok: false, reason: "tcp.refused", connection: "direct" },
  migrations: null,
};

const ask = async (report: HealthReport, path = "/api/health", init: RequestInit = {}) =>
  await createHealthApp(async () => report).request(path, init);

test.each([
  [ok, 200, null],
  [degraded, 200, null],
  [down, 503, "tcp.refused"],
] as const)("the public sees status, service, stage and time alone: $status", async (report, status, reason) => {
  const response = await ask(report);
  expect(response.status).toBe(status);
  expect(await response.json()).toStrictEqual({ status: report.status, ...about });
  expect(response.headers.get("x-postern-reason")).toBe(reason);
  expect(response.headers.get("cache-control")).toBe("no-store");
});

describe("the details are no route", () => {
  test.each([
    "/api/health/database",
    "/api/health/database/",
    "/api//health/database",
    "/api/health%2Fdatabase",
    "/API/HEALTH/DATABASE",
    "/database",
    "/",
  ])("%s is not found", async (path) => {
    const headers = { "x-forwarded-for": "127.0.0.1", "x-amz-invocation-type": "RequestResponse", host: "localhost" };
    const response = await ask(ok, path, { headers });
    expect(response.status).toBe(404);
    expect(await response.json()).toStrictEqual({ status: "not-found" });
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  test.each(["POST", "PUT", "DELETE", "OPTIONS"])("%s is not found either", async (method) => {
    expect((await ask(ok, "/api/health", { method })).status).toBe(404);
  });
});

test("HEAD answers as GET does, without a body", async () => {
  const response = await ask(down, "/api/health", { method: "HEAD" });
  expect(response.status).toBe(503);
  expect(await response.text()).toBe("");
});

test("a check that cannot be made at all is down, with its code and no word of its message", async () => {
  const app = createHealthApp(() =>
    Promise.reject(new PosternError("config.invalid", "db.internal as postern_health")),
  );
  const response = await app.request("/api/health");
  expect(response.status).toBe(503);
  expect(response.headers.get("x-postern-reason")).toBe("config.invalid");
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(await response.json()).toStrictEqual({ status: "down" });
});
