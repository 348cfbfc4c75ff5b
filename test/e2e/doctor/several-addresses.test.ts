import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { systemClock } from "#lib/base/clock.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { openConnection } from "#lib/doctor/probes/tcp.ts";

const script = `
  const server = require("node:net").createServer(() => {});
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => console.log(server.address().port));
`;

/** A server that is stopped, with as many connections waiting as it takes: whoever else comes gets no answer until it goes on. */
async function startMute() {
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(line.toString());
  child.kill("SIGSTOP");
  const waiting: Socket[] = [];
  for (let isFull = false; !isFull;) {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    waiting.push(socket);
    isFull = await once(socket, "connect", { signal: AbortSignal.timeout(300) }).then(
      () => false,
      () => true,
    );
  }
  return {
    port,
    goOn: () => {
      child.kill("SIGCONT");
    },
    async [Symbol.asyncDispose]() {
      for (const socket of waiting) socket.destroy();
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

async function open(port: number, addresses: readonly string[], ms = 5000) {
  const address: DatabaseAddress = { host: "db.example", port, database: "app", user: "ann", sslMode: "verify-full" };
  const signal = AbortSignal.timeout(ms);
  const { found, ...said } = await openConnection({ address, addresses, open: undefined, clock: systemClock, signal });
  found.destroy();
  return said;
}

/** Refused by this system at once. */
const unroutable = "255.255.255.255";

test("an address that is slow to answer is waited for where the other has no route", async () => {
  await using mute = await startMute();
  const opening = open(mute.port, ["127.0.0.1", unroutable]);
  setTimeout(mute.goOn, 400);
  expect(await opening).toEqual({ detail: `connected to 127.0.0.1:${mute.port}` });
});

test("an address that stays silent is told, although another answers", async () => {
  await using mute = await startMute();
  const server = createServer((socket) => socket.destroy()).listen(mute.port, "127.0.0.2");
  await once(server, "listening");
  try {
    expect(await open(mute.port, ["127.0.0.1", "127.0.0.2"])).toEqual({
      detail: `connected to 127.0.0.2:${mute.port}`,
      warning: expect.stringContaining("No answer by then from 127.0.0.1"),
    });
  } finally {
    server.close();
  }
});

test("what refuses says more than what is silent, and silence more than a missing route", async () => {
  await using mute = await startMute();
  const refusing = open(mute.port, ["127.0.0.3", "127.0.0.1"], 700);
  await expect(refusing).rejects.toMatchObject({ failure: { kind: "errno", errno: "ECONNREFUSED" } });
  await expect(open(mute.port, [unroutable, "127.0.0.1"], 700)).rejects.toMatchObject({ failure: { kind: "timeout" } });
});
