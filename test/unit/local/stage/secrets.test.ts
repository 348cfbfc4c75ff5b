import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { storeSecret } from "#lib/local/aws/secret-store.ts";
import { openStageSecrets, readPassword, secretOwners } from "#lib/local/stage/secrets.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "postern-secrets-"));
});
afterEach(async () => rm(dataDir, { recursive: true, force: true }));

const now = new Date("2026-03-01T12:00:00Z");
const open = async () => openStageSecrets({ dataDir, stage: "local", host: "127.0.0.1", database: "postern", now });
const passwordLines = async () => (await readFile(join(dataDir, "pgpass"), "utf8")).trimEnd().split("\n");

const people = ["master", "readonly", "operator"] as const;

test("master and people get a password of their own, once; the services' secrets wait for setup", async () => {
  const first = await open();
  const passwords = await Promise.all(people.map(async (owner) => readPassword(first, "local", owner)));
  expect(new Set(passwords).size).toBe(3);
  expect(passwords.every((password) => /^[\w-]{32}$/u.test(password))).toBe(true);
  expect((await first.list()).map(({ name, versions }) => [name, versions.length])).toEqual(
    secretOwners.map((owner) => [`postern/local/${owner}`, people.some((one) => one === owner) ? 1 : 0]),
  );

  const second = await open();
  const again = await Promise.all(people.map(async (owner) => readPassword(second, "local", owner)));
  expect(again).toEqual(passwords);
});

test("the password file is private and has a line for each role that has a password, as libpq reads it", async () => {
  const secrets = await open();
  expect((await stat(secrets.passwordFile)).mode & 0o777).toBe(0o600);
  const password = await readPassword(secrets, "local", "readonly");
  expect(await passwordLines()).toHaveLength(3);
  expect(await passwordLines()).toContain(`127.0.0.1:*:postern:postern_readonly:${password}`);
});

test("a password that is new or changed is in the file at once", async () => {
  const secrets = await open();
  const value = JSON.stringify({ username: "postern_app", password: "new:with\\both" });
  await storeSecret(secrets, "postern/local/app", value, now);
  expect(await passwordLines()).toContain(String.raw`127.0.0.1:*:postern:postern_app:new\:with\\both`);
  expect(await passwordLines()).toHaveLength(4);
});
