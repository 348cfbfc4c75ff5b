import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  createMemorySecretStore,
  openSecretFile,
  type SecretStore,
  secretValue,
  storeSecret,
} from "#lib/local/aws/secret-store.ts";

const now = new Date("2026-01-01T00:00:00Z");

async function makeFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "postern-secrets-"));
  onTestFinished(async () => rm(dir, { recursive: true, force: true }));
  return dir;
}

describe.each([
  ["a file", async () => openSecretFile(join(await makeFolder(), "secrets.json"))],
  ["memory", async () => createMemorySecretStore()],
])("a store in %s", (_where, open: () => Promise<SecretStore>) => {
  test("gives back what was put in, by name", async () => {
    const store = await open();
    await storeSecret(store, "a", "one", now);
    await storeSecret(store, "b", "two", now);
    const read = async (name: string) => {
      const secret = await store.read(name);
      return secret && secretValue(secret);
    };
    expect([await read("a"), await read("b"), await read("c")]).toEqual(["one", "two", undefined]);
    expect((await store.list()).map(({ name }) => name)).toEqual(["a", "b"]);
  });

  test("keeps the value before", async () => {
    const store = await open();
    await storeSecret(store, "a", "one", now);
    const secret = await storeSecret(store, "a", "two", now);
    expect([secretValue(secret), secretValue(secret, "AWSPREVIOUS")]).toEqual(["two", "one"]);
  });

  test("a change that throws changes nothing, and the next one is made", async () => {
    const store = await open();
    await storeSecret(store, "a", "one", now);
    const failing = store.update("a", () => {
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    const secret = await store.read("a");
    expect(secret && secretValue(secret)).toBe("one");
    await storeSecret(store, "a", "two", now);
  });
});

describe("a store in a file", () => {
  test("is there again when it is opened again, and is for this user's eyes only", async () => {
    const dir = await makeFolder();
    const path = join(dir, "secrets.json");
    const store = await openSecretFile(path);
    await storeSecret(store, "a", "one", now);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(dir)).toEqual(["secrets.json"]);
    expect(await (await openSecretFile(path)).list()).toEqual(await store.list());
  });

  test("loses none of many changes at once", async () => {
    const path = join(await makeFolder(), "secrets.json");
    const store = await openSecretFile(path);
    const names = Array.from({ length: 20 }, (_, index) => `s${index}`);
    await Promise.all(names.map((name) => storeSecret(store, name, name, now)));
    expect((await (await openSecretFile(path)).list()).map(({ name }) => name)).toEqual(names);
  });

  test.each(["not json with hunter2", '[{"name":"a","value":"hunter2"}]'])(
    "that holds %j is refused, without a word of what is in it",
    async (text) => {
      const path = join(await makeFolder(), "secrets.json");
      await writeFile(path, text);
      const error: unknown = await openSecretFile(path).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "config.invalid" });
      expect(String(error)).not.toContain("hunter2");
      expect(await readFile(path, "utf8")).toBe(text);
    },
  );
});
