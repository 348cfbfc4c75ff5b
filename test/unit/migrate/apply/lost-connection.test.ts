import { expect, it } from "vitest";
import type { Clock } from "#lib/base/clock.ts";
import { systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { findApplied } from "#lib/migrate/apply/lost-connection.ts";
import type { Connection } from "#lib/postgres/connect.ts";

/** A hundred times as fast. */
const clock: Clock = {
  ...systemClock,
  nowMs: () => systemClock.nowMs() * 100,
  sleep: async (ms, signal) => systemClock.sleep(ms / 100, signal),
};

const { signal } = new AbortController();

function connectionTo(query: () => Promise<unknown>) {
  let closed = 0;
  const close = async () => {
    closed += 1;
  };
  const client = { query } as unknown as Connection["client"];
  const open = async (): Promise<Connection> => ({
    client,
    tlsVersion: undefined,
    close,
    [Symbol.asyncDispose]: close,
  });
  return { open, closed: () => closed };
}

it("gives up on a backend that does not go away", async () => {
  const { open, closed } = connectionTo(async () => ({ rows: [{ pid: 1 }] }));
  expect(await findApplied({ runId: "lost", clock, open, signal, lease: { token: "1" } })).toBeUndefined();
  expect(closed()).toBeGreaterThan(0);
});

it("tries again while the server refuses, and tells at once what is no lost connection", async () => {
  let attempts = 0;
  const { open, closed } = connectionTo(async () => {
    attempts += 1;
    throw attempts < 3
      ? new PosternError("tcp.refused", "The server is restarting.")
      : new PosternError("db.permission", "No privilege.");
  });
  await expect(findApplied({ runId: "lost", clock, open, signal, lease: { token: "1" } })).rejects.toMatchObject({
    code: "db.permission",
  });
  expect(attempts).toBe(3);
  expect(closed()).toBe(3);
});
