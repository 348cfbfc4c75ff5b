import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { hashSeeds } from "#lib/migrate/seed/source/seeds-hash.ts";

it("changes with a file's content or name, and with nothing else", async () => {
  const dir = await mkdtemp(join(tmpdir(), "postern-seeds-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => rm(dir, { recursive: true }));
  await mkdir(join(dir, "s"));
  const file = join(dir, "s", "1-t.csv");
  await writeFile(file, "id\n1\n");
  const first = await hashSeeds(dir);
  await writeFile(join(dir, "README.md"), "notes");
  await writeFile(join(dir, ".DS_Store"), "the system's");
  await writeFile(file, "id\n1\n");
  expect(await hashSeeds(dir)).toBe(first);
  await writeFile(file, "id\n2\n");
  const edited = await hashSeeds(dir);
  expect(edited).not.toBe(first);
  await rename(file, join(dir, "s", "2-t.csv"));
  expect(await hashSeeds(dir)).not.toBe(edited);
  expect(await hashSeeds(join(dir, "missing"))).toBeUndefined();
});
