import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createOutlet } from "#lib/local/gateway/outlet.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the bytes for the client", () => {
  test.each([1, 7, 8, 1024])(
    "are the same in payloads of %i, all full but the last of a turn",
    async (payloadBytes) => {
      const { outlet, sent } = start(payloadBytes, 0);
      const parts = [0, 1, 7, 8, 9, 1000, 3000].map((size) => randomBytes(size));
      for (const part of parts) outlet.write(part);
      const all = Buffer.concat(parts);
      expect([sent.length, outlet.pendingBytes]).toEqual([0, all.length]);
      await Promise.resolve();
      expect(Buffer.concat(sent).equals(all)).toBe(true);
      const sizes = sent.map(({ length }) => length);
      expect(sizes.slice(0, -1).every((size) => size === payloadBytes)).toBe(true);
      expect(outlet.pendingBytes).toBe(0);
    },
  );

  test("go out one payload in each interval of the pace, the first at once", async () => {
    const { outlet, sent } = start(1024, 1);
    outlet.write(Buffer.alloc(10_240));
    await Promise.resolve();
    expect(sent).toHaveLength(1);
    for (let ms = 1; ms <= 9; ms += 1) {
      vi.advanceTimersByTime(1);
      expect(sent).toHaveLength(1 + ms);
    }
    vi.advanceTimersByTime(10);
    outlet.write(Buffer.alloc(1));
    await Promise.resolve();
    expect(sent).toHaveLength(11);
  });

  test("that wait when it is destroyed do not go out", async () => {
    const { outlet, sent } = start(1024, 1);
    outlet.write(Buffer.alloc(10_240));
    await Promise.resolve();
    outlet.destroy();
    vi.advanceTimersByTime(100);
    expect([sent.length, outlet.pendingBytes, vi.getTimerCount()]).toEqual([1, 0, 0]);
  });
});

function start(payloadBytes: number, paceMs: number) {
  const sent: Buffer[] = [];
  const outlet = createOutlet({ payloadBytes, paceMs, send: (payload) => sent.push(Buffer.from(payload)) });
  return { outlet, sent };
}
