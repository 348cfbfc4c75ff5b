import type { TestProject } from "vitest/node";
import { noticeMissingPrograms } from "./debian.ts";
import { startTestServer } from "./postgres.ts";
import { makeRunFolder } from "./run-folder.ts";

const stack = new AsyncDisposableStack();

/** One PostgreSQL 18 for the whole run; each test makes a database of its own on it. */
export async function setup(project: TestProject): Promise<void> {
  noticeMissingPrograms();
  const runFolder = stack.use(await makeRunFolder()).path;
  project.provide("runFolder", runFolder);
  // Test files run side by side, and each may hold a pool.
  const server = stack.use(await startTestServer({ settings: { max_connections: "300" } }, runFolder));
  const { host, port, superuser, password, version, tls, caPem, caFile } = server;
  project.provide("sharedPostgres", { host, port, superuser, password, version, tls, caPem, caFile });
}

export async function teardown(): Promise<void> {
  await stack.disposeAsync();
}
