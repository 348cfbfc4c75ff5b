import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { claimFolder } from "#lib/local/files/data-folder.ts";

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
