import { chown, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { claimFolder, explainStorage } from "#lib/local/files/data-folder.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-data-folder-"));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

test("an empty folder and one that is missing become ours, and stay it whatever is put in", async () => {
  for (const ours of [folder, join(folder, "below", "missing")]) {
    await claimFolder(ours);
    await writeFile(join(ours, "something"), "");
    await expect(claimFolder(ours)).resolves.toBeUndefined();
  }
});

test("a folder that somebody else keeps things in is refused and stays as it is", async () => {
  await writeFile(join(folder, "bundles"), "");
  await expect(claimFolder(folder)).rejects.toMatchObject({
    code: "data.unwritable",
    message: expect.stringContaining("is not a data folder of Postern's"),
    hint: expect.stringContaining("--data"),
  });
  expect(await readdir(folder)).toEqual(["bundles"]);
});

test("of many who claim an empty folder at once, none is refused", async () => {
  const claims = await Promise.allSettled(Array.from({ length: 20 }, async () => claimFolder(folder)));
  expect(claims.filter(({ status }) => status === "rejected")).toEqual([]);
});

const systemError = (code: string, path?: string, syscall = "write") =>
  Object.assign(new Error(code), { code, syscall, ...(path === undefined ? {} : { path }) });

test.each([
  { error: systemError("ENOSPC") },
  { error: new PosternError("process.failed", "initdb: could not write: No space left on device") },
  { error: new PosternError("build.failed", "write /x/index.mjs: no space left on device") },
])("a full disk is named with the folder: $error.message", async ({ error }) => {
  expect(await explainStorage("/data", error)).toMatchObject({
    code: "data.unwritable",
    message: "Cannot write to the data folder /data: no space left on device.",
    hint: expect.stringContaining("Free some space"),
    cause: error,
  });
});

test("what somebody else owns is named with the owner", async () => {
  // Of a file that cannot be looked at, its folder counts: to remove the file takes the right to change that.
  const [theirs, uid] = process.getuid?.() === 0 ? [folder, 12_345] : ["/", 0];
  if (uid !== 0) await chown(folder, uid, uid);
  expect(await explainStorage(folder, systemError("EACCES", join(theirs, "gone"), "unlink"))).toMatchObject({
    code: "data.unwritable",
    message: `Cannot change ${theirs} in the data folder ${folder}: it belongs to user ${uid}.`,
    hint: expect.stringContaining("chown"),
  });
});

test("what is our own but closed to us says so", async () => {
  expect(await explainStorage(folder, systemError("EACCES", folder, "scandir"))).toMatchObject({
    code: "data.unwritable",
    message: expect.stringContaining("permission denied"),
  });
});

test.each([
  { error: systemError("EACCES", undefined, "listen") },
  { error: systemError("EACCES", "/usr/bin/initdb", "spawn initdb") },
  { error: systemError("ENOENT", "/data/missing", "open") },
  { error: new PosternError("port.taken", "Port 1 is taken.") },
])("what has nothing to do with storage stays as it is: $error.message", async ({ error }) => {
  expect(await explainStorage("/data", error)).toBe(error);
});
