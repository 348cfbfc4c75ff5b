import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const tunnel = join(import.meta.dirname, "../../../lib/tunnel");
const transports = new Set(["direct", "ssh", "ssm"]);

type Import = { readonly from: string; readonly to: string };

/** In the order of the README, without a slash at the end. */
async function readRooms(): Promise<readonly string[]> {
  const readme = await readFile(join(tunnel, "README.md"), "utf8");
  const cells = Array.from(readme.matchAll(/^\| (`[^|]+`) \|/gmu), ([, cell = ""]) => cell);
  return cells.flatMap((cell) => Array.from(cell.matchAll(/`([^`]+?)\/?`/gu), ([, room = ""]) => room));
}

async function readImports(): Promise<readonly Import[]> {
  const entries = await readdir(tunnel, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith(".ts"));
  const found = await Promise.all(
    files.map(async ({ parentPath, name }) => {
      const path = join(parentPath, name);
      const imports = (await readFile(path, "utf8")).matchAll(/(?:from |import\()"(\.[^"]+|#lib\/tunnel\/[^"]+)"/gu);
      return Array.from(imports, ([, named = ""]) => {
        const to = named.startsWith("#lib/tunnel/") ? join(tunnel, named.slice(12)) : join(parentPath, named);
        return { from: relative(tunnel, path), to: relative(tunnel, to) };
      });
    }),
  );
  return found.flat();
}

function areTwoTransports(from: string, to: string): boolean {
  const [one = "", other = ""] = [from, to].map((file) => file.split("/")[0]);
  return one !== other && transports.has(one) && transports.has(other);
}

test("every room of lib/tunnel is in its README, and every room there exists", async () => {
  const entries = await readdir(tunnel, { withFileTypes: true, recursive: true });
  const folders = entries.filter((entry) => entry.isDirectory());
  const rooms = folders.map(({ parentPath, name }) => relative(tunnel, join(parentPath, name)));
  const named = await readRooms();
  expect(named.filter((room) => !room.endsWith(".ts")).toSorted()).toEqual(rooms.toSorted());
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  expect(files).toEqual(expect.arrayContaining(named.filter((room) => room.endsWith(".ts"))));
});

test("no room of lib/tunnel imports one listed below it, and no transport another", async () => {
  const rooms = await readRooms();
  const place = (file: string) => {
    const at = rooms.indexOf(rooms.includes(file) ? file : dirname(file));
    return at === -1 ? rooms.length : at;
  };
  const isWrong = ({ from, to }: Import) => place(to) > place(from) || areTwoTransports(from, to);
  const imports = await readImports();
  expect(imports.length).toBeGreaterThan(100);
  expect(imports.filter(isWrong).map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
});
