import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ownerHere } from "#lib/base/owned-file.ts";
import { findTunnel, listTunnels, type NewTunnel, registerTunnel } from "#lib/tunnel/registry/registry.ts";
import { tunnelKey } from "#lib/tunnel/registry/tunnel-key.ts";
import { waitFor } from "../../../support/wait-for.ts";

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "postern-registry-")), "state");
});
afterEach(async () => rm(join(folder, ".."), { recursive: true, force: true }));

const database = { host: "db.internal", port: 5432 };
const key = tunnelKey("dev", database);
const tunnel: NewTunnel = {
  name: "dev",
  kind: "stage",
  transport: "ssm",
  route: "db.internal:5432 through i-0abc",
  database,
  isDetached: false,
  since: "2026-01-01T00:00:00.000Z",
  state: "connecting",
  stateSince: "2026-01-01T00:00:00.000Z",
  reconnects: 0,
};
const dead = { pid: 2 ** 22 + 1, startedAt: "then" };

test("a tunnel is listed while its process has it, and says where it is once it listens", async () => {
  const registration = await registerTunnel(folder, key, tunnel);
  expect(await listTunnels(folder)).toMatchObject([{ key, record: { name: "dev", pid: process.pid } }]);
  registration.publish({ ...tunnel, host: "127.0.0.1", port: 20_001, state: "up" });
  await waitFor("the record says so", async () => (await findTunnel(folder, key))?.state === "up");
  await registration[Symbol.asyncDispose]();
  expect(await listTunnels(folder)).toEqual([]);
  expect(await readdir(join(folder, "tunnels"))).toEqual([]);
});

test("nothing is written once it is disposed", async () => {
  const registration = await registerTunnel(folder, key, tunnel);
  for (let port = 20_001; port < 20_050; port += 1) registration.publish({ ...tunnel, port });
  await registration[Symbol.asyncDispose]();
  registration.publish({ ...tunnel, state: "closed" });
  for (let looks = 0; looks < 50; looks += 1) expect(await readdir(join(folder, "tunnels"))).toEqual([]);
});

test("a record that somebody is about to remove is waited for", async () => {
  await (await registerTunnel(folder, key, tunnel))[Symbol.asyncDispose]();
  const file = join(folder, "tunnels", `${key}.json`);
  await writeFile(file, JSON.stringify(await ownerHere()));
  const registering = registerTunnel(folder, key, tunnel);
  for (let looks = 0; looks < 50; looks += 1) expect(await listTunnels(folder)).toEqual([]);
  await rm(file);
  await using _registration = await registering;
  expect(await listTunnels(folder)).toHaveLength(1);
});

test("folders and files are their owner's alone", async () => {
  await using _registration = await registerTunnel(folder, key, tunnel);
  const file = join(folder, "tunnels", `${key}.json`);
  const modes = await Promise.all([folder, join(folder, "tunnels"), file].map(async (path) => (await stat(path)).mode));
  expect(modes.map((mode) => mode & 0o777)).toEqual([0o700, 0o700, 0o600]);
});

test("a second tunnel of one key is refused with the address of the first; another key is not", async () => {
  await using first = await registerTunnel(folder, key, tunnel);
  await expect(registerTunnel(folder, key, tunnel)).rejects.toMatchObject({
    code: "tunnel.running",
    message: expect.stringContaining("still starting"),
  });
  first.publish({ ...tunnel, host: "127.0.0.1", port: 20_001 });
  await waitFor("it has its port", async () => (await findTunnel(folder, key))?.port !== undefined);
  await expect(registerTunnel(folder, key, tunnel)).rejects.toMatchObject({
    code: "tunnel.running",
    message: expect.stringMatching(new RegExp(`dev.*process ${process.pid}.*127\\.0\\.0\\.1:20001`, "u")),
  });
  await using _other = await registerTunnel(folder, tunnelKey("dev", { ...database, port: 5433 }), tunnel);
  expect(await listTunnels(folder)).toHaveLength(2);
});

test.each([
  { what: "a process that is gone", owner: dead },
  { what: "another process that got its number since", owner: { pid: process.pid, startedAt: "long ago" } },
])("the record of $what is not believed, and removed", async ({ owner }) => {
  await (await registerTunnel(folder, key, tunnel))[Symbol.asyncDispose]();
  const file = join(folder, "tunnels", `${key}.json`);
  await writeFile(file, JSON.stringify({ ...tunnel, ...owner }));
  expect(await listTunnels(folder)).toEqual([]);
  expect(await readdir(join(folder, "tunnels"))).toEqual([]);
});

test("of many that start at once over a stale record, while others list, one wins", async () => {
  await (await registerTunnel(folder, key, tunnel))[Symbol.asyncDispose]();
  await writeFile(join(folder, "tunnels", `${key}.json`), JSON.stringify({ ...tunnel, ...dead }));
  const listing = Promise.all(Array.from({ length: 10 }, async () => listTunnels(folder)));
  const attempts = await Promise.allSettled(
    Array.from({ length: 10 }, async () => registerTunnel(folder, key, tunnel)),
  );
  await listing;
  const won = attempts.filter((attempt) => attempt.status === "fulfilled");
  expect(won).toHaveLength(1);
  expect(await readdir(join(folder, "tunnels"))).toEqual([`${key}.json`]);
  expect(JSON.parse(await readFile(join(folder, "tunnels", `${key}.json`), "utf8"))).toMatchObject(tunnel);
  await won[0]?.value[Symbol.asyncDispose]();
});

test("a state folder that cannot be made is named, with what to do", async () => {
  await writeFile(join(folder, "..", "file"), "");
  await expect(registerTunnel(join(folder, "..", "file"), key, tunnel)).rejects.toMatchObject({
    code: "data.unwritable",
    hint: expect.stringContaining("XDG_STATE_HOME"),
  });
});
