import { readdir, readFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { expect, test } from "vitest";

const local = join(import.meta.dirname, "../../../lib/local");

test("every room of lib/local is in its README, and none imports one listed below it", async () => {
  const readme = await readFile(join(local, "README.md"), "utf8");
  const rooms = Array.from(readme.matchAll(/^\| `([a-z-]+)\/` \|/gmu), ([, room = ""]) => room);
  const entries = await readdir(local, { withFileTypes: true, recursive: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(rooms.toSorted()).toEqual(folders.toSorted());

  const wrong: string[] = [];
  for (const file of entries.filter((entry) => entry.isFile() && /\.(?:ts|mjs)$/u.test(entry.name))) {
    const room = basename(file.parentPath);
    const path = join(file.parentPath, file.name);
    const imports = (await readFile(path, "utf8")).matchAll(/"(?:\.\.|#lib\/local)\/([^/"]+)\//gu);
    for (const [, imported = ""] of imports) {
      if (rooms.indexOf(imported) > rooms.indexOf(room)) wrong.push(`${relative(local, path)} -> ${imported}`);
    }
  }
  expect(wrong).toEqual([]);
});
