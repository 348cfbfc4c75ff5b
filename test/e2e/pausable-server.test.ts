import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { clusterPath } from "#lib/local/postgres/home.ts";
import { startPausableServer } from "#lib/local/postgres/pausable-server.ts";
import { clientOf, makeDataDir, query } from "../support/local-postgres.ts";

test("a paused server is not there; resumed it has its port, its certificates and its data", async () => {
  await using pausable = await startPausableServer({ dataDir: await makeDataDir(), port: 0, durable: false });
  const client = clientOf(pausable.server);
  await query(client, "create table kept (id int)");
  await pausable.pause();
  await pausable.pause();
  await expect(query(client, "select 1")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await pausable.resume();
  await pausable.resume();
  expect(await query(client, "select * from kept")).toEqual([]);
});

test("only an end that nobody asked for is told", async () => {
  const dataDir = await makeDataDir();
  await using pausable = await startPausableServer({ dataDir, port: 0, durable: false });
  await pausable.pause();
  await pausable.resume();
  const told = await Promise.race([pausable.exited, Promise.resolve("nothing yet")]);
  expect(told).toBe("nothing yet");
  const [pid] = (await readFile(join(clusterPath(dataDir), "postmaster.pid"), "utf8")).split("\n");
  process.kill(Number(pid), "SIGINT");
  expect(await pausable.exited).toMatchObject({ code: 0 });
});

test("one that is paused when it is disposed does not come back", async () => {
  const pausable = await startPausableServer({ dataDir: await makeDataDir(), port: 0, durable: false });
  await pausable.pause();
  await pausable[Symbol.asyncDispose]();
  await pausable.resume();
  await expect(query(clientOf(pausable.server), "select 1")).rejects.toMatchObject({ code: "ECONNREFUSED" });
});
