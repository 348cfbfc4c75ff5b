import type { TestProject } from "vitest/node";
import { noticeMissingPrograms } from "./debian.ts";
import { type OwnTestServer, startTestServer } from "./postgres.ts";

let server: OwnTestServer | undefined;

/** One PostgreSQL 18 for the whole run; each test makes a database of its own on it. */
export async function setup(project: TestProject): Promise<void> {
  noticeMissingPrograms();
  // Test files run side by side, and each may hold a pool.
  server = await startTestServer({ settings: { max_connections: "300" } });
  const { host, port, superuser, password, version, tls, caPem, caFile } = server;
  project.provide("sharedPostgres", { host, port, superuser, password, version, tls, caPem, caFile });
}

export async function teardown(): Promise<void> {
  await server?.[Symbol.asyncDispose]();
}
