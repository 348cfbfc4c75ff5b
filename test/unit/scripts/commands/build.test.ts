import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Command } from "commander";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { parseCertificates } from "#lib/postgres/tls.ts";
import { registerBuild } from "../../../../scripts/commands/build.ts";
import { createOutput } from "../../../../scripts/output.ts";
import { makeCertificateChain } from "../../../support/certificate-chain.ts";

const files = {
  "package.json": '{ "version": "1.2.3", "type": "module" }',
  "functions/runner.ts": "export const handler = () => {};",
  "functions/runner-task.ts": "export {};",
  "functions/inspect.ts": "export const handler = () => {};",
  "functions/health.ts": "export const handler = () => {};",
  "migrations/0000_first.sql": "select 1;",
  "migrations/meta/_journal.json": '{ "entries": [{ "idx": 0, "when": 1, "tag": "0000_first" }] }',
};

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "postern-build-"));
  onTestFinished(async () => rm(root, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  for (const name of ["AWS_REGION", "AWS_PROFILE", "POSTERN_REGION", "POSTERN_RDS_CA"]) vi.stubEnv(name, undefined);
  vi.stubEnv("AWS_CONFIG_FILE", join(root, "no-config"));
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** What `postern build --json` prints, and what is in the bundles then. */
async function build(...args: string[]) {
  const printed = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof printed) => ({
    write: (text: string) => {
      printed[name] += text;
    },
  });
  const output = createOutput({ json: true, stdout: stream("stdout"), stderr: stream("stderr"), env: {} });
  const command = new Command("build");
  const { signal } = new AbortController();
  registerBuild(command, {
    root,
    output,
    signal,
    args,
    env: {},
    endWith: () => {},
    leaveInterrupts,
    endWithReader: () => {},
  });
  await command.parseAsync(args, { from: "user" });
  const pem = await readFile(join(root, "dist/functions/health/ca.pem"), "utf8").catch(() => undefined);
  const { ca } = JSON.parse(printed.stdout) as { ca: unknown };
  return { ca, stderr: printed.stderr, certificates: pem === undefined ? 0 : parseCertificates(pem, "ca.pem").length };
}

const leaveInterrupts = () => ({ [Symbol.dispose]: () => {} });

test("without a region the bundles have no ca.pem, and that is said on stderr", async () => {
  const { ca, stderr, certificates } = await build();
  expect({ ca, certificates }).toEqual({ ca: null, certificates: 0 });
  expect(stderr).toMatch(/^no ca\.pem: no region is set, .*--region\.\n$/u);
});

test.each([
  ["AWS_REGION", { AWS_REGION: "eu-west-1" }, [], "eu-west-1"],
  ["POSTERN_REGION before AWS_REGION", { AWS_REGION: "xx-nowhere-1", POSTERN_REGION: "eu-west-2" }, [], "eu-west-2"],
  ["--region before both", { AWS_REGION: "x", POSTERN_REGION: "y" }, ["--region", "eu-west-3"], "eu-west-3"],
])("the region is that of %s", async (_, env, args, region) => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const { ca, stderr, certificates } = await build(...args);
  expect(ca).toMatchObject({ region, expired: [], names: { length: 8 } });
  expect(certificates).toBe(8);
  expect(stderr).toBe(`ca.pem: 8 certificates, of RDS in ${region} and of Amazon for RDS Proxy\n`);
});

test("--rds-ca takes the place of the region's list, also where the region is not known", async () => {
  vi.stubEnv("AWS_REGION", "il-central-1");
  await expect(build()).rejects.toMatchObject({ code: "build.unknown-region" });
  const rdsCaFile = join(root, "il-central-1-bundle.pem");
  const old = await makeCertificateChain("old one", ["db"], { rootEnds: new Date("2024-08-22T17:08:50Z") });
  const { rootPem } = await makeCertificateChain("Amazon RDS il-central-1 Root CA ECC384 G1", ["db"]);
  await writeFile(rdsCaFile, old.rootPem + rootPem);
  const { ca, stderr, certificates } = await build("--rds-ca", rdsCaFile);
  expect(ca).toMatchObject({ rdsCaFile, expired: ["old one"], names: { length: 6 } });
  expect(certificates).toBe(6);
  expect(stderr).toContain("left out as expired: old one");
});
