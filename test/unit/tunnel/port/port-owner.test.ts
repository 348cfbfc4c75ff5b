import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import { expect, test } from "vitest";
import { describePortOwner } from "#lib/tunnel/port/port-owner.ts";

test("who listens on a port is named by process and program, without arguments", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    expect(await describePortOwner(port)).toMatch(new RegExp(`^process ${process.pid} \\([^ ]*\\)$`, "u"));
  } finally {
    server.close();
    await once(server, "close");
  }
  expect(await describePortOwner(port)).toBeUndefined();
});
