import { expect, test, vi } from "vitest";
import { toPosternError } from "#lib/base/errors.ts";
import { createSecretReader } from "#lib/stage/secrets.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";

const secret = (password: string) => JSON.stringify({ username: "postern_health", password });

test("a secret is read once for all who ask, and again when it is old", async () => {
  const clock = createDrivenClock();
  const fetchText = vi.fn<(id: string) => Promise<string>>(async () => secret("one"));
  const reader = createSecretReader({ fetchText, clock, ttlMs: 1000 });
  const secrets = await Promise.all([reader.read("a"), reader.read("a"), reader.read("a")]);
  expect(secrets).toEqual(Array.from({ length: 3 }, () => ({ username: "postern_health", password: "one" })));
  expect(fetchText).toHaveBeenCalledTimes(1);

  clock.advance(999);
  await reader.read("a");
  expect(fetchText).toHaveBeenCalledTimes(1);
  clock.advance(1);
  await reader.read("a");
  expect(fetchText).toHaveBeenCalledTimes(2);
});

test("a refresh sees the rotated password, and so does everybody after it", async () => {
  const passwords = ["old", "new"];
  const reader = createSecretReader({ fetchText: async () => secret(passwords.shift() ?? "none") });
  expect(await reader.read("a")).toMatchObject({ password: "old" });
  expect(await reader.refresh("a")).toMatchObject({ password: "new" });
  expect(await reader.read("a")).toMatchObject({ password: "new" });
});

test("secrets are kept apart by their ids", async () => {
  const reader = createSecretReader({ fetchText: async (id) => secret(`of ${id}`) });
  expect(await reader.read("a")).toMatchObject({ password: "of a" });
  expect(await reader.read("b")).toMatchObject({ password: "of b" });
});

test("a failure is not kept", async () => {
  const fetchText = vi
    .fn<(id: string) => Promise<string>>(async () => secret("one"))
    .mockRejectedValueOnce(new Error("no network"));
  const reader = createSecretReader({ fetchText });
  await expect(reader.read("a")).rejects.toThrow("no network");
  expect(await reader.read("a")).toMatchObject({ password: "one" });
});

test.each(["hunter2", '{"username":"u"}', '{"username":"u","password":""}', '{"password":"hunter2"}', "null"])(
  "a malformed secret is refused without a word of it: %j",
  async (text) => {
    const reader = createSecretReader({ fetchText: async () => text });
    const error = toPosternError(await reader.read("postern/dev/health").catch((reason: unknown) => reason));
    expect(error).toMatchObject({ code: "secret.invalid", message: expect.stringContaining("postern/dev/health") });
    expect(error.message).not.toContain("hunter2");
  },
);
