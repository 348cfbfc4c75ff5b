import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { expect, test } from "vitest";

const local = join(import.meta.dirname, "../../../lib/local");

test("every room of lib/local is in its README, and none imports one listed below it", async () => {
  const readme = await readFile(join(local, "README.md"), "utf8");
  const rooms = Array.from(readme.matchAll(/^\| `([a-z-]+)\/` \|/gmu), ([, room = ""]) => room);
  const entries = await readdir(local, { withFileTypes: true, recursive: true });
  const folders = entries.filter((entry) => entry.isDirectory() && entry.parentPath === local).map(({ name }) => name);
  expect(rooms.toSorted()).toEqual(folders.toSorted());

  const wrong: string[] = [];
  for (const file of entries.filter((entry) => entry.isFile() && /\.(?:ts|mjs)$/u.test(entry.name))) {
    const path = join(file.parentPath, file.name);
    const imports = (await readFile(path, "utf8")).matchAll(/"((?:\.{1,2}|#lib\/local)\/[^"]+)"/gu);
    for (const [, specifier = ""] of imports) {
      const imported = specifier.startsWith("#lib/local/")
        ? join(local, specifier.slice("#lib/local/".length))
        : join(file.parentPath, specifier);
      if (rooms.indexOf(roomOf(imported)) > rooms.indexOf(roomOf(path)))
        wrong.push(`${relative(local, path)} -> ${specifier}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("the session gateway knows nothing of the tunnel, whose other side it is", async () => {
  const gateway = join(local, "gateway");
  const files = (await readdir(gateway)).map(async (name) => [name, await readFile(join(gateway, name), "utf8")]);
  const wrong = (await Promise.all(files)).filter(([, text = ""]) => /"[^"]*\/tunnel\//u.test(text));
  expect(wrong.map(([name]) => name)).toEqual([]);
});

/** The folder of `lib/local` that a path is in, however deep. */
function roomOf(path: string): string {
  return relative(local, path).split(sep)[0] ?? "";
}
