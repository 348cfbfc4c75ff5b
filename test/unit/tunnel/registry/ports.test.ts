import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { choosePort, rememberedPort } from "#lib/tunnel/registry/remembered-port.ts";
import { stateFolderOf } from "#lib/tunnel/registry/state-folder.ts";
import { portAfter, preferredPort, tunnelKey } from "#lib/tunnel/registry/tunnel-key.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-ports-"));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const always = async () => true;
const key = "dev-0";

test("a stage has the same port on every machine, below those of outgoing connections", () => {
  expect(preferredPort("dev")).toBe(preferredPort("dev"));
  const ports = ["dev", "production", "staging", "local"].map(preferredPort);
  expect(new Set(ports).size).toBe(4);
  expect(ports.every((port) => port >= 20_000 && port < 30_000)).toBe(true);
  expect(portAfter(29_999)).toBe(20_000);
});

test("the first choice passes over what is taken, and stays, even when the port is taken later", async () => {
  const taken = preferredPort("dev");
  const chosen = await choosePort({ folder, key, name: "dev", isFree: async (port) => port !== taken });
  expect(chosen).toBe(portAfter(taken));
  expect(await choosePort({ folder, key, name: "dev", isFree: async () => false })).toBe(chosen);
  expect(await rememberedPort(folder, key)).toBe(chosen);
  expect(await rememberedPort(folder, "other")).toBeUndefined();
});

test("two tunnels that prefer one port get two", async () => {
  const first = await choosePort({ folder, key, name: "dev", isFree: always });
  const second = await choosePort({ folder, key: "dev-1", name: "dev", isFree: always });
  expect([first, second]).toEqual([preferredPort("dev"), portAfter(preferredPort("dev"))]);
});

test("the key tells stages of one name apart, and is a file name", () => {
  const a = tunnelKey("dev", { host: "a.rds.amazonaws.com", port: 5432 });
  expect(a).not.toBe(tunnelKey("dev", { host: "b.rds.amazonaws.com", port: 5432 }));
  expect(tunnelKey("../x/y", { host: "a", port: 1 })).toMatch(/^\.\.-x-y-[0-9a-f]{8}$/u);
});

test.each([
  [{ XDG_STATE_HOME: "/xdg" }, "linux", "/xdg/postern"],
  [{ XDG_STATE_HOME: "relative" }, "linux", "/home/me/.local/state/postern"],
  [{}, "darwin", "/home/me/.local/state/postern"],
] as const)("the state folder with %j on %s is %s", (env, platform, expected) => {
  expect(stateFolderOf(env, "/home/me", platform)).toBe(expected);
});

test.each(["", "relative"])("with HOME=%j the state folder is not below the working directory", (home) => {
  expect(stateFolderOf({}, home, "linux")).toBe(join(userInfo().homedir, ".local/state/postern"));
});
