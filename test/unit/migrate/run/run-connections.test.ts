import { expect, it } from "vitest";
import { connectForRun } from "#lib/migrate/run/run-connections.ts";
import type { Connection } from "#lib/postgres/connect.ts";

it.each([
  ["is never answered", async () => new Promise<never>(() => {})],
  ["fails", async () => Promise.reject(new Error("the connection is gone"))],
])("a run that is over says goodbye, and does not wait: also for one that %s", async (_, goodbye) => {
  let goodbyes = 0;
  const close = async () => {
    goodbyes += 1;
    await goodbye();
  };
  const client = {} as Connection["client"];
  const connections = await connectForRun("brief", async () => {
    return { client, tlsVersion: undefined, close, [Symbol.asyncDispose]: close };
  });
  await connections[Symbol.asyncDispose]();
  expect(goodbyes).toBe(1);
});
