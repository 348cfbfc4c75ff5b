import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findPsql } from "../../../../scripts/psql/find-psql.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-path-"));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

test("the first program of that name on PATH is taken; a folder or a file that cannot be run is not", async () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => join(folder, name)) as [string, string, string];
  await mkdir(join(a, "psql"), { recursive: true });
  await mkdir(b);
  await mkdir(c);
  await writeFile(join(b, "psql"), "", { mode: 0o644 });
  await writeFile(join(c, "psql"), "");
  await chmod(join(c, "psql"), 0o755);
  expect(await findPsql(undefined, { PATH: ["", a, b, c].join(delimiter) }, "linux")).toBe(join(c, "psql"));
  expect(await findPsql(join(c, "psql"), {}, "linux")).toBe(join(c, "psql"));
  await expect(findPsql(join(b, "psql"), {}, "linux")).rejects.toMatchObject({ code: "psql.missing" });
});

test.each([
  ["linux", "apt-get install postgresql-client"],
  ["darwin", "brew install libpq"],
  ["win32", "winget install"],
  ["freebsd", "client programs"],
] as const)("without one on %s the hint says %s", async (platform, hint) => {
  await expect(findPsql(undefined, { PATH: folder }, platform)).rejects.toMatchObject({
    code: "psql.missing",
    hint: expect.stringContaining(hint),
  });
});
