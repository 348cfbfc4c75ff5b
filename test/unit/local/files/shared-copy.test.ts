import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { ensureSharedCopy } from "#lib/local/files/shared-copy.ts";

let folder: string;
let source: string;
let target: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-shared-copy-"));
  source = join(folder, "source");
  target = join(folder, "copies", "1.0");
  await mkdir(join(source, "bin"), { recursive: true });
  await mkdir(join(folder, "copies"));
  await writeFile(join(source, "bin", "program"), "runs", { mode: 0o700 });
  await writeFile(join(source, "data"), "", { mode: 0o600 });
  await symlink("data", join(source, "link"));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const works = async (copy: string) => (await readFile(join(copy, "bin", "program"), "utf8").catch(() => "")) === "runs";

test("everyone may read and run the copy, whatever the umask and the rights of the original", async () => {
  await chmod(source, 0o700);
  const previous = process.umask("077");
  onTestFinished(() => void process.umask(previous));
  expect(await ensureSharedCopy(source, target, works)).toBe(true);
  const modes = await Promise.all(
    [".", "bin", "bin/program", "data", "link"].map(async (path) => (await stat(join(target, path))).mode & 0o777),
  );
  expect(modes).toEqual([0o755, 0o755, 0o755, 0o644, 0o644]);
});

test.each(["", "broken"])("a copy that does not work is replaced (its program is %j)", async (text) => {
  await mkdir(join(target, "bin"), { recursive: true });
  await writeFile(join(target, "bin", "program"), text);
  await writeFile(join(target, "leftover"), "");
  expect(await ensureSharedCopy(source, target, works)).toBe(true);
  expect(await works(target)).toBe(true);
  expect(await readdir(join(folder, "copies"), { recursive: true })).not.toContain("1.0/leftover");
  expect(await readdir(join(folder, "copies"))).toEqual(["1.0"]);
});

test("a copy that works stays as it is", async () => {
  await ensureSharedCopy(source, target, works);
  await writeFile(join(target, "mark"), "");
  expect(await ensureSharedCopy(source, target, works)).toBe(true);
  await access(join(target, "mark"));
});

test("an original that does not work replaces nothing", async () => {
  await mkdir(target);
  await writeFile(join(target, "mark"), "");
  await writeFile(join(source, "bin", "program"), "for another machine");
  expect(await ensureSharedCopy(source, target, works)).toBe(false);
  expect(await readdir(join(folder, "copies"))).toEqual(["1.0"]);
  await access(join(target, "mark"));
});

test("many who find a bad copy at once all end with a good one, and leave nothing else", async () => {
  await mkdir(target);
  await writeFile(join(target, "leftover"), "");
  const ends = await Promise.all(Array.from({ length: 8 }, async () => ensureSharedCopy(source, target, works)));
  expect(ends).toEqual(Array.from({ length: 8 }, () => true));
  expect(await readdir(join(folder, "copies"))).toEqual(["1.0"]);
  expect(await works(target)).toBe(true);
});
