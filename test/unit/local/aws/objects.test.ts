import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFolderObjectStore, type ObjectStore } from "#lib/local/aws/objects.ts";

let dir: string;
let store: ObjectStore;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "postern-objects-"));
  await mkdir(join(dir, "buckets", "b", "sets"), { recursive: true });
  await mkdir(join(dir, "outside", "sets"), { recursive: true });
  await writeFile(join(dir, "outside", "sets", "1-t.csv"), "secret");
  await writeFile(join(dir, "buckets", "b", "sets", "1-t.csv"), "data");
  store = createFolderObjectStore(join(dir, "buckets"));
});
afterEach(async () => rm(dir, { recursive: true }));

async function readAll(bucket: string, key: string): Promise<string | undefined> {
  const object = await store.open(bucket, key);
  if (object === undefined) return undefined;
  const parts: Uint8Array[] = [];
  for await (const bytes of object.read({ start: 0, end: object.bytes - 1 })) parts.push(bytes);
  return Buffer.concat(parts).toString();
}

describe("an object", () => {
  it("is what was opened, also when another file comes into its place", async () => {
    const object = await store.open("b", "sets/1-t.csv");
    const path = join(dir, "buckets", "b", "sets", "1-t.csv");
    await writeFile(join(dir, "fresh"), "swap");
    await rename(join(dir, "fresh"), path);
    const parts: Uint8Array[] = [];
    for await (const bytes of object?.read({ start: 0, end: 3 }) ?? []) parts.push(bytes);
    expect(Buffer.concat(parts).toString()).toBe("data");
    const [now] = (await store.list("b", "")) ?? [];
    expect(now?.etag).not.toBe(object?.etag);
    expect(await readAll("b", "sets/1-t.csv")).toBe("swap");
  });

  it.each([
    ["the file", "../../../outside/sets/1-t.csv", "b/sets/2-t.csv", "b", "sets/2-t.csv"],
    ["a folder above it", "../../outside/sets", "b/linked", "b", "linked/1-t.csv"],
    ["the bucket", "../outside", "linked", "linked", "sets/1-t.csv"],
    ["a file of its own bucket", "1-t.csv", "b/sets/3-t.csv", "b", "sets/3-t.csv"],
  ])("is none where %s is a symbolic link", async (_, to, from, bucket, key) => {
    await symlink(to, join(dir, "buckets", from));
    // The link itself leads to a file.
    expect(await readFile(join(dir, "buckets", bucket, ...key.split("/")), "utf8")).toMatch(/secret|data/);
    expect(await readAll(bucket, key)).toBeUndefined();
    expect((await store.list(bucket, ""))?.map((one) => one.key) ?? []).not.toContain(key);
  });

  it.each([
    ["b/linked", "b", "linked/new/9-t.csv"],
    ["linked", "linked", "9-t.csv"],
  ])("is not written by way of a link (%s)", async (from, bucket, key) => {
    await symlink(join(dir, "outside"), join(dir, "buckets", from));
    expect(await store.write(bucket, key, Buffer.from("x"))).toBeUndefined();
    await expect(readFile(join(dir, "outside", "new", "9-t.csv"))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(readFile(join(dir, "outside", "9-t.csv"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("that replaces a link leaves alone what it led to", async () => {
    await symlink(join(dir, "outside", "sets", "1-t.csv"), join(dir, "buckets", "b", "sets", "2-t.csv"));
    expect(await store.write("b", "sets/2-t.csv", Buffer.from("new"))).toMatchObject({ bytes: 3 });
    expect(await readFile(join(dir, "outside", "sets", "1-t.csv"), "utf8")).toBe("secret");
    expect(await readAll("b", "sets/2-t.csv")).toBe("new");
  });

  it("may lie in a folder that is reached by a link itself", async () => {
    await symlink(join(dir, "buckets"), join(dir, "alias"));
    store = createFolderObjectStore(join(dir, "alias"));
    expect(await readAll("b", "sets/1-t.csv")).toBe("data");
  });
});
