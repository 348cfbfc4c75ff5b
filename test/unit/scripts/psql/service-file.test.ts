import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withEntry, writeServiceEntry } from "../../../../scripts/psql/service-file.ts";

const entry = { name: "postern-dev", values: { host: "db", port: "20001" } };
const own = "[postern-dev]\nhost=db\nport=20001\n";

test.each([
  ["", own],
  ["[other]\nhost=x\n", `[other]\nhost=x\n\n${own}`],
  ["# mine\n[postern-dev]\nhost=old\nuser=me\n", `# mine\n${own}`],
  ["[postern-dev]\nhost=old\n\n[other]\nhost=x\n", `${own}\n[other]\nhost=x\n`],
  ["[other]\r\nhost=x\r\n", `[other]\nhost=x\n\n${own}`],
])("into the file %j the entry goes without touching another", (text, expected) => {
  expect(withEntry(text, entry)).toBe(expected);
  expect(withEntry(expected, entry)).toBe(expected);
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-service-"));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const rightsOf = async (file: string) => ((await stat(file)).mode & 0o777).toString(8);

test("a new file, in a folder that is not there yet, is its owner's alone", async () => {
  const file = join(folder, "of", "libpq", "pg_service.conf");
  await writeServiceEntry(file, entry);
  expect(await readFile(file, "utf8")).toBe(own);
  expect(await rightsOf(file)).toBe("600");
});

test.each(["600", "640", "644"])("a file of passwords keeps its rights, %s", async (mode) => {
  const file = join(folder, "pg_service.conf");
  await writeFile(file, "[other]\npassword=secret\n");
  await chmod(file, Number.parseInt(mode, 8));
  await writeServiceEntry(file, entry);
  expect(await readFile(file, "utf8")).toBe(`[other]\npassword=secret\n\n${own}`);
  expect(await rightsOf(file)).toBe(mode);
  expect(await readdir(folder)).toEqual(["pg_service.conf"]);
});

test("a link to the file stays one, and what it leads to has the entry", async () => {
  const file = join(folder, "settings.conf");
  await writeFile(file, "[other]\nhost=x\n");
  const link = join(folder, "pg_service.conf");
  await symlink(file, link);
  await writeServiceEntry(link, entry);
  expect((await lstat(link)).isSymbolicLink()).toBe(true);
  expect(await readFile(file, "utf8")).toBe(`[other]\nhost=x\n\n${own}`);
});

test("a file that cannot be read is left alone, and said to be so", async () => {
  const file = join(folder, "pg_service.conf", "below");
  await writeFile(join(folder, "pg_service.conf"), "[other]\n");
  await expect(writeServiceEntry(file, entry)).rejects.toMatchObject({ code: "config.invalid" });
  expect(await readdir(folder)).toEqual(["pg_service.conf"]);
});
