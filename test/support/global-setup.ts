import { join } from "node:path";
import process from "node:process";
import type { TestProject } from "vitest/node";
import { noticeMissingPrograms } from "./debian.ts";
import { startTestServer, type TestServer } from "./postgres.ts";
import { makeRunFolder } from "./run-folder.ts";

const stack = new AsyncDisposableStack();

/** A PostgreSQL 18 for each worker of the run; each test makes a database of its own on it. */
export async function setup(project: TestProject): Promise<void> {
  noticeMissingPrograms();
  const runFolder = stack.use(await makeRunFolder()).path;
  project.provide("runFolder", runFolder);
  // For the workers and the processes that they start, of which each loads the same modules.
  process.env["NODE_COMPILE_CACHE"] = join(runFolder, "compile-cache");
  const servers: TestServer[] = [];
  while (servers.length < project.config.maxWorkers) servers.push(await startSharedServer(runFolder));
  project.provide("sharedPostgres", servers);
}

async function startSharedServer(runFolder: string): Promise<TestServer> {
  const server = stack.use(await startTestServer({}, runFolder));
  const { host, port, superuser, password, version, tls, caPem, caFile } = server;
  return { host, port, superuser, password, version, tls, caPem, caFile };
}

export async function teardown(): Promise<void> {
  await stack.disposeAsync();
}
