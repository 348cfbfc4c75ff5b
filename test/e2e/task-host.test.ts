import process from "node:process";
import { expect, test } from "vitest";
import { type HostedTask, startTaskHost } from "#lib/local/tasks/host.ts";
import { descendantsOf } from "../support/process-tree.ts";

const marker = "neverEndsByItself";
const task: HostedTask = {
  cluster: "c",
  taskDefinition: "t",
  container: "main",
  command: process.execPath,
  args: ["-e", `const ${marker} = setInterval(() => {}, 1000)`],
  cwd: "/",
  env: {},
};
const open = () => startTaskHost({ tasks: [task], region: "local", accountId: "000000000000", onLog: () => undefined });
const request = { cluster: "c", taskDefinition: "t", overrides: {} };
const left = async () => (await descendantsOf(process.pid)).filter(({ command }) => command.includes(marker));

test("a task that is being started while the host is disposed is stopped, and none is started after it", async () => {
  const host = open();
  const started = host.run(request).catch((error: unknown) => error);
  await host[Symbol.asyncDispose]();
  expect(await started).toMatchObject({ code: "ServerException" });
  expect(await left()).toEqual([]);
  await expect(host.run(request)).rejects.toMatchObject({ code: "ServerException" });
  expect(await left()).toEqual([]);
});

test("disposing stops what runs", async () => {
  const host = open();
  await Promise.all([host.run(request), host.run(request)]);
  expect(await left()).toHaveLength(2);
  await host[Symbol.asyncDispose]();
  expect(await left()).toEqual([]);
});
