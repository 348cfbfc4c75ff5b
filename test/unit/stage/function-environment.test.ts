import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { functionEnv } from "#lib/contract.ts";
import { provideAddress, readFunctionEnvironment } from "#lib/stage/function-environment.ts";
import { createSecretReader } from "#lib/stage/secrets.ts";

let bundleDir: string;
beforeAll(async () => {
  bundleDir = await mkdtemp(join(tmpdir(), "postern-test-"));
});
afterAll(async () => {
  await rm(bundleDir, { recursive: true });
});

const env = {
  [functionEnv.app]: "postern",
  [functionEnv.stage]: "dev",
  [functionEnv.databaseHost]: "db.internal",
  [functionEnv.databasePort]: "5433",
  [functionEnv.databaseName]: "app",
  [functionEnv.healthSecret]: "postern/dev/health",
};

test("reports everything that is missing or wrong at once", async () => {
  const broken = { ...env, [functionEnv.databasePort]: "x", [functionEnv.stage]: undefined };
  await expect(readFunctionEnvironment(broken, bundleDir)).rejects.toMatchObject({
    code: "config.invalid",
    message: expect.stringMatching(/POSTERN_STAGE.*POSTERN_DATABASE_PORT/),
  });
});

test.each([
  [undefined, true],
  ["true", true],
  ["false", false],
])("a stage is protected unless infra says otherwise (%s)", async (value, isProtected) => {
  const environment = await readFunctionEnvironment({ ...env, [functionEnv.protected]: value }, bundleDir);
  expect(environment.isProtected).toBe(isProtected);
});

test.each(["", "False", "TRUE", "0", "1", "no", "off", " false", "undefined"])(
  "POSTERN_PROTECTED=%j is refused: what is meant to unprotect a stage must be said exactly",
  async (value) => {
    await expect(readFunctionEnvironment({ ...env, [functionEnv.protected]: value }, bundleDir)).rejects.toMatchObject({
      code: "config.invalid",
      message: expect.stringMatching(/POSTERN_PROTECTED: .*"true" \| "false".*received/u),
    });
  },
);

test("the CAs are those of the named file, else of the bundle's ca.pem, else Node's", async () => {
  const [ofBundle = "", ofFile = ""] = rootCertificates;
  const dir = await mkdtemp(join(bundleDir, "bundle-"));
  const caFile = join(dir, "named.pem");
  const caOf = async (more: Readonly<Record<string, string>> = {}) =>
    (await readFunctionEnvironment({ ...env, ...more }, dir)).ca;
  expect(await caOf()).toBeUndefined();
  await writeFile(join(dir, "ca.pem"), `# first, until 2040\n${ofBundle}\n`);
  await writeFile(caFile, ofFile);
  expect(await caOf()).toEqual([ofBundle]);
  expect(await caOf({ [functionEnv.caFile]: caFile })).toEqual([ofFile]);
});

test("a ca.pem in the bundle that holds no certificate is not passed over", async () => {
  const dir = await mkdtemp(join(bundleDir, "bundle-"));
  await writeFile(join(dir, "ca.pem"), "");
  await expect(readFunctionEnvironment(env, dir)).rejects.toMatchObject({
    code: "config.invalid",
    message: expect.stringContaining("The ca.pem of the bundle holds no certificate"),
  });
});

test("an address has the secret's login and full verification, and the rotated password when asked anew", async () => {
  const environment = await readFunctionEnvironment(env, bundleDir);
  const passwords = ["old", "new"];
  const asked: string[] = [];
  const fetchText = async (id: string) => {
    asked.push(id);
    return JSON.stringify({ username: "postern_health", password: passwords.shift() });
  };
  const provide = provideAddress(environment, "health", createSecretReader({ fetchText }));
  expect(await provide({ refresh: false })).toStrictEqual({
    host: "db.internal",
    port: 5433,
    database: "app",
    user: "postern_health",
    password: "old",
    sslMode: "verify-full",
  });
  expect(await provide({ refresh: true })).toMatchObject({ password: "new" });
  expect(asked).toEqual(["postern/dev/health", "postern/dev/health"]);
});

test("a role whose secret the function was not given is refused", async () => {
  const provide = provideAddress(await readFunctionEnvironment(env, bundleDir), "master", createSecretReader());
  await expect(provide({ refresh: false })).rejects.toMatchObject({ code: "config.invalid" });
});

test("a CA file that is named but broken is not passed over", async () => {
  const caFile = join(bundleDir, "broken.pem");
  await writeFile(caFile, "no certificate");
  await expect(readFunctionEnvironment({ ...env, [functionEnv.caFile]: caFile }, bundleDir)).rejects.toMatchObject({
    code: "config.invalid",
  });
});
