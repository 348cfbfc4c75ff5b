import { expect, test } from "vitest";
import { unlessAborted } from "#lib/tunnel/deadline.ts";

const reason = new Error("enough");

test("a wait ends with its signal, be it aborted before or meanwhile, and as its promise does otherwise", async () => {
  const never = Promise.withResolvers<string>().promise;
  const stop = new AbortController();
  const waiting = unlessAborted(never, stop.signal);
  expect(await unlessAborted(Promise.resolve("done"), stop.signal)).toBe("done");
  await expect(unlessAborted(Promise.reject(new Error("failed")), stop.signal)).rejects.toThrow("failed");
  stop.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  await expect(unlessAborted(Promise.resolve("done"), stop.signal)).rejects.toBe(reason);
});

test("a failure that comes after the abort is nobody's, and does not end the process", async () => {
  const failing = Promise.withResolvers<string>();
  await expect(unlessAborted(failing.promise, AbortSignal.abort(reason))).rejects.toBe(reason);
  failing.reject(new Error("too late"));
  await new Promise((resolve) => setImmediate(resolve));
});
