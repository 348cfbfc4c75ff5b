import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { examineThrough } from "#lib/doctor/through-transport.ts";
import type { Link, Transport } from "#lib/tunnel/transport.ts";

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

const { signal } = new AbortController();
const address = { host: "db.internal", port: 5432, database: "app", user: "ann", sslMode: "verify-full" } as const;

/** A link that is up, and through which nothing can be opened. */
const bareLink: Link = {
  openStream: async (): Promise<Duplex> => {
    throw new PosternError("internal", "No stream is opened here.");
  },
  vitals: () => ({ state: "live", silentMs: 0, openStreams: 0, bytesUp: 0, bytesDown: 0 }),
  ended: Promise.withResolvers<undefined>().promise,
  [Symbol.asyncDispose]: async () => {},
};

function transportOf(link: Partial<Link>, onConnect = () => {}): Transport {
  return {
    kind: "ssm",
    route: "db.internal:5432 through i-1",
    connect: async () => {
      onConnect();
      return { ...bareLink, ...link };
    },
  };
}

/** Says to each request for TLS what the test says. */
async function startServer(answer: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(answer));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(async () => {
    server.close();
    await once(server, "close");
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("The server has no port.");
  return bound.port;
}

test.each([
  ["N", "tls.refused"],
  ["", "ssm.session-ended"],
] as const)("a session that ends behind the answer %j of the server's: the verdict is %s", async (answer, code) => {
  const port = await startServer(answer);
  const transport = transportOf({
    openStream: async () => connect({ host: "127.0.0.1", port }),
    ended: Promise.resolve(new PosternError("ssm.session-ended", "The session ended.")),
  });
  const { verdict } = await examineThrough({ transport, readAddress: async () => address, signal });
  expect(verdict.code).toBe(code);
});

test("each step has its own time", async () => {
  let nowMs = 0;
  const transport = transportOf({}, () => (nowMs += 500));
  const readAddress = async () => {
    nowMs += 200;
    throw new PosternError("aws.permission", "secretsmanager:GetSecretValue is not allowed");
  };
  const clock = { ...systemClock, nowMs: () => nowMs };
  const { probes, ms } = await examineThrough({ transport, readAddress, clock, signal });
  expect(probes.map(({ name, ms: ofStep }) => [name, ofStep])).toEqual([
    ["transport", 500],
    ["login", 200],
  ]);
  expect(ms).toBe(700);
});
