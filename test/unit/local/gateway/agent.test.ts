import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createAgent } from "#lib/local/gateway/agent.ts";
import { systemClock } from "#lib/base/clock.ts";
import type { Message } from "#lib/ssm-protocol/message.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("an agent", () => {
  test("gives up a client that does not answer the handshake in 15 s", () => {
    const { agent, ends } = start("3.3.1142.0");
    agent.start();
    vi.advanceTimersByTime(14_999);
    expect(ends).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(ends).toEqual(["agent"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([
    ["that is old", "3.1.1511.0", "1.2.677.0"],
    ["whose client is old", "3.3.1142.0", "1.2.331.0"],
  ])("%s sends a NOP every 10 s, and ends a session that hears none in 30 s", async (_case, version, client) => {
    const { agent, ends, sent, handshake } = start(version);
    await handshake(client);
    for (let round = 1; round <= 12; round += 1) {
      vi.advanceTimersByTime(10_000);
      await settle();
      agent.receive(message(round, 1, nop));
    }
    expect(sent.filter((one) => one.equals(nop))).toHaveLength(12);
    vi.advanceTimersByTime(30_000);
    expect(ends).toEqual([]);
    vi.advanceTimersByTime(10_000);
    expect(ends).toEqual(["agent"]);
  });

  test("sends none where both are new, and waits for ever", async () => {
    const { ends, sent, handshake } = start("3.3.1142.0");
    await handshake("1.2.677.0");
    vi.advanceTimersByTime(3_600_000);
    await settle();
    expect([ends, sent.filter((one) => one.equals(nop))]).toEqual([[], []]);
  });

  test("does nothing more once it is destroyed", async () => {
    const { agent, sent, handshake } = start("3.3.1142.0");
    await handshake("1.2.677.0");
    const before = sent.length;
    agent.destroy();
    agent.receive(message(1, 1, nop));
    expect([sent.length, vi.getTimerCount()]).toEqual([before, 0]);
  });
});

const nop = Buffer.from([1, 3, 0, 0, 0, 0, 0, 0]);

function start(version: string) {
  const ends: string[] = [];
  const sent: Buffer[] = [];
  const agent = createAgent({
    version,
    destination: { host: "db.internal", port: 5432 },
    address: { host: "127.0.0.1", port: 9 },
    dialHangs: () => false,
    payloadBytes: 1024,
    paceMs: 0,
    clock: { ...systemClock, nowMs: () => Date.now(), wallTime: () => new Date() },
    // Acknowledged at once, as it would be.
    emit: ({ type, sequenceNumber, payload }) => {
      sent.push(Buffer.from(payload));
      if (type !== "output_stream_data") return;
      const text = { AcknowledgedMessageType: type, AcknowledgedMessageId: "", IsSequentialMessage: true };
      const body = Buffer.from(JSON.stringify({ ...text, AcknowledgedMessageSequenceNumber: sequenceNumber }));
      queueMicrotask(() => agent.receive({ ...message(0, 0, body), type: "acknowledge" }));
    },
    onEnd: (by) => ends.push(by),
    onIdle: () => {},
  });
  const handshake = async (clientVersion: string) => {
    agent.start();
    const done = { ActionType: "SessionType", ActionStatus: 1, ActionResult: null, Error: "" };
    const response = { ClientVersion: clientVersion, ProcessedClientActions: [done], Errors: null };
    agent.receive(message(0, 6, Buffer.from(JSON.stringify(response))));
    await settle();
  };
  return { agent, ends, sent, handshake };
}

function message(sequenceNumber: number, payloadType: number, payload: Buffer): Message {
  return {
    type: "input_stream_data",
    createdMs: 1,
    sequenceNumber,
    flags: 0,
    id: randomUUID(),
    payloadType,
    payload,
  };
}

/** Microtasks, of which some make others. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
}
