import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makePrivateFolder } from "../../../../scripts/psql/private-folder.ts";

let stateFolder: string;
beforeEach(async () => {
  stateFolder = await mkdtemp(join(tmpdir(), "postern-private-"));
});
afterEach(async () => rm(stateFolder, { recursive: true, force: true }));

test("only its owner can enter it, and it goes with everything in it", async () => {
  const folder = await makePrivateFolder(stateFolder);
  expect((await stat(folder.path)).mode & 0o777).toBe(0o700);
  await writeFile(join(folder.path, "pgpass"), "secret");
  await folder[Symbol.asyncDispose]();
  expect(await readdir(join(stateFolder, "logins"))).toEqual([]);
});

test("what a killed process left is removed, what a living one has is not", async () => {
  const dead = join(stateFolder, "logins", "dead");
  await mkdir(dead, { recursive: true });
  await writeFile(join(dead, "owner.json"), JSON.stringify({ pid: 2 ** 22 + 1, startedAt: "then" }));
  await writeFile(join(dead, "pgpass"), "secret");
  await using first = await makePrivateFolder(stateFolder);
  await using second = await makePrivateFolder(stateFolder);
  const left = (await readdir(join(stateFolder, "logins"))).map((name) => join(stateFolder, "logins", name));
  expect(left.toSorted()).toEqual([first.path, second.path].toSorted());
});
