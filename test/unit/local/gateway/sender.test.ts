import { describe, expect, test } from "vitest";
import { createSender } from "#lib/local/gateway/sender.ts";

describe("the agent's outgoing messages", () => {
  test("are numbered from 0, and the first alone has the flag of a first one", () => {
    const { sender, sent } = start();
    for (let index = 0; index < 3; index += 1) sender.send(1, Buffer.from([index]));
    expect(sent.map(({ sequenceNumber, flags }) => [sequenceNumber, flags])).toEqual([
      [0, 1],
      [1, 0],
      [2, 0],
    ]);
  });

  test("the oldest alone is sent again, first after 200 ms, until its own acknowledgement", () => {
    const { sender, sent, wait } = start();
    sender.send(1, Buffer.from("a"));
    sender.send(1, Buffer.from("b"));
    wait(199);
    expect(sent).toHaveLength(2);
    wait(1);
    sender.acknowledge(1);
    wait(250);
    expect(sent.slice(2).map(({ sequenceNumber }) => sequenceNumber)).toEqual([0, 0]);
    expect(sent[2]?.id).toBe(sent[0]?.id);
    sender.acknowledge(0);
    wait(5_000);
    expect(sent).toHaveLength(4);
    expect([sender.unackedBytes, sender.resent]).toEqual([0, 2]);
  });

  test("the time-out follows the round trips, with a second for its most", () => {
    const { sender, sent, wait } = start();
    const roundTrips = (ms: number, count: number) => {
      for (let index = 0; index < count; index += 1) {
        sender.send(1, Buffer.from("x"));
        wait(ms, false);
        sender.acknowledge(sent.at(-1)?.sequenceNumber ?? 0);
      }
    };
    roundTrips(20, 60);
    expect(resendsAfter()).toBeLessThanOrEqual(40);
    roundTrips(5_000, 60);
    expect(resendsAfter()).toBe(1_000);

    function resendsAfter(): number {
      const before = sent.length;
      sender.send(1, Buffer.from("x"));
      let ms = 0;
      while (sent.length === before + 1) {
        wait(1);
        ms += 1;
      }
      sender.acknowledge(sent.at(-1)?.sequenceNumber ?? 0);
      return ms;
    }
  });

  test("what is sent in a pause is kept, and goes out as the oldest when the pause is over", () => {
    const { sender, sent, wait } = start();
    sender.pause(true);
    sender.send(1, Buffer.from("a"));
    wait(1_000);
    expect([sent.length, sender.unackedBytes]).toEqual([0, 1]);
    sender.pause(false);
    wait(0);
    expect(sent).toHaveLength(1);
  });
});

function start() {
  let now = 0;
  const sent: { sequenceNumber: number; flags: number; id: string }[] = [];
  const sender = createSender({
    nowMs: () => now,
    wallTime: () => new Date(1),
    emit: (message) => sent.push(message),
  });
  /** @param looks whether the timer that sends again runs then */
  const wait = (ms: number, looks = true) => {
    now += ms;
    if (looks) sender.resendOldest();
  };
  return { sender, sent, wait };
}
