import { createServer, request as forward } from "node:http";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PosternError } from "#lib/base/errors.ts";
import { folderSource } from "#lib/migrate/seed/source/sets.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { openSeedBucket } from "#lib/stage/seed-bucket.ts";
import { startTestEndpoint, type TestEndpoint } from "../../support/aws-endpoint.ts";
import { runCommand } from "../../support/command-line.ts";
import { openSeedPlayground, type SeedPlayground } from "../../support/seed-set.ts";

let stack: AsyncDisposableStack;
let play: SeedPlayground;
let endpoint: TestEndpoint;
let folder: string;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  play = stack.use(await openSeedPlayground());
  await play.client.query("create table t (id int primary key, name text)");
  const objectsDir = await mkdtemp(join(tmpdir(), "postern-objects-"));
  stack.defer(async () => rm(objectsDir, { recursive: true }));
  folder = join(objectsDir, "seeds", "sets", "s");
  await mkdir(folder, { recursive: true });
  endpoint = stack.use(await startTestEndpoint({ objectsDir }));
});
afterEach(async () => stack.disposeAsync());

const csv = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `${from + index},${"x".repeat(200)}\n`).join("");

async function put(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  await Promise.all(Object.entries(files).map(async ([name, data]) => writeFile(join(folder, name), data)));
}

function open(url = endpoint.url, signal?: AbortSignal) {
  const { region, credentials } = endpoint.config();
  const access: AwsAccess = { source: "environment", endpoint: url, region, credentials };
  return stack.use(openSeedBucket({ bucket: "seeds", prefix: "sets/", access, isPathStyle: true, signal }));
}

async function seedFrom(from: string) {
  const { region, credentials } = endpoint.config();
  const env = {
    AWS_ENDPOINT_URL: endpoint.url,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  return await runCommand(["seed", "--url", play.database.url(), "--set", "s", "--from", from, "--json"], { env });
}

describe("seed --from a bucket", () => {
  it("reads CSV and NDJSON, packed or not, and the second time changes nothing", async () => {
    await put({ "1-t.csv": `id,name\n${csv(1, 5000)}`, "2-t.ndjson": '{"id":0}\n', "README.md": "not data" });
    await put({ "3-t.csv.gz": gzipSync(`id,name\n${csv(6001, 7000)}`) });
    const first = await seedFrom("s3://seeds/sets/");
    expect(first.stderr).toContain("target:");
    expect(first.json()).toMatchObject({ set: "s", tables: [{ table: "t", rows: 6001, inserted: 6001 }] });
    expect((await seedFrom("s3://seeds/sets")).json()).toMatchObject({ tables: [{ rows: 6001, inserted: 0 }] });
  });

  it.each([
    [
      "a set that is not there",
      "s3://seeds/nothing",
      "seed.unknown-set",
      /^There is no seed set "s" \(there is nothing in s3:\/\/seeds\/nothing\/s\/\)\.$/,
    ],
    ["a bucket that is not there", "s3://no-bucket/x", "seed.unknown-set", /^There is no bucket no-bucket\.$/],
    ["a place that is none", "https://example.com/seeds", "usage.invalid", /expected s3:\/\/BUCKET\/FOLDER/],
  ])("says so for %s", async (_, from, code, message) => {
    const error = { code, message: expect.stringMatching(message) };
    expect((await seedFrom(from)).json()).toMatchObject({ error });
  });

  it.each(["../s", "s/..", "", ".", ".s", "s s", "s/", "é"])("knows no set %j, as a folder does not", async (set) => {
    await put({ "1-t.csv": "id\n1\n" });
    const unknown = {
      code: "seed.unknown-set",
      message: expect.stringContaining(`There is no seed set ${JSON.stringify(set)} (`),
    };
    await expect(open().findFiles(set)).rejects.toMatchObject(unknown);
    await expect(folderSource(dirname(folder)).findFiles(set)).rejects.toMatchObject(unknown);
  });

  it.each(["t.csv", "1-t.xlsx", "2-t.csv/part", "1-t.CSV", "1234567890-t.csv", "1-.csv", "1-other.ndjson", "12-x"])(
    "refuses what a folder refuses, in the same words: %s",
    async (name) => {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await put({ "1-t.csv": "id\n1\n", [name]: "id\n1\n" });
      const local: unknown = await folderSource(dirname(folder))
        .findFiles("s")
        .catch((error: unknown) => error);
      expect(local).toMatchObject({ code: "seed.invalid-file" });
      const { message, hint } = local as PosternError;
      await expect(open().findFiles("s")).rejects.toMatchObject({ code: "seed.invalid-file", message, hint });
    },
  );

  it.each(["1-t.ts", "1-setup.sql"])("takes no code: %s", async (name) => {
    await put({ [name]: "drop table t" });
    const { json, exitCode } = await seedFrom("s3://seeds/sets");
    expect(json()).toMatchObject({
      error: { code: "seed.invalid-file", message: `s/${name} is code: a bucket gives data only.` },
    });
    expect(exitCode).toBe(2);
  });
});

describe("an object", () => {
  it("that is replaced while it is read is refused, and what was written of it is kept", async () => {
    await put({ "1-t.csv": `id,name\n${csv(1, 50_000)}` });
    const source = open();
    const replace = async () => put({ "1-t.csv": `id,name\n${csv(1, 50_001)}` });
    const listed = await source.findFiles("s");
    await replace();
    const failing = play.seed({ source: { findFiles: async () => listed } });
    await expect(failing).rejects.toMatchObject({
      code: "seed.invalid-file",
      message: "s/1-t.csv was replaced in the bucket while it was read.",
    });
  });

  it("goes on where it stopped, without what was read before", async () => {
    await put({ "1-t.csv": `id,name\n${csv(1, 10_000)}` });
    const abort = new AbortController();
    const options = { chunkBytes: 1, signal: abort.signal, onProgress: () => abort.abort() };
    await expect(play.seed({ source: open(), ...options })).rejects.toMatchObject({ code: "aborted" });
    const before = Number((await play.client.query<{ count: string }>("select count(*) from t")).rows[0]?.count);
    expect(before).toBeGreaterThan(1000);
    await using proxy = await startCuttingProxy(Number.POSITIVE_INFINITY);
    expect(await play.seed({ source: open(proxy.url) })).toMatchObject({
      tables: [{ rows: 10_000, inserted: 10_000 - before }],
    });
    expect(proxy.ranges().some((range) => Number(/^bytes=(\d+)-$/.exec(range)?.[1]) > 500_000)).toBe(true);
    expect(await play.checksum()).toMatchObject([{ count: 10_000 }]);
  });

  it("whose stream breaks off is read on from that byte", async () => {
    const text = `id,name\n${csv(1, 20_000)}`;
    await put({ "1-t.csv": text });
    await using proxy = await startCuttingProxy(1_500_000);
    expect(await play.seed({ source: open(proxy.url) })).toMatchObject({
      tables: [{ rows: 20_000, inserted: 20_000 }],
    });
    expect(proxy.ranges().length).toBeGreaterThanOrEqual(2);
  });
});

/** Passes requests on as they are, signature and all, and cuts each answer off behind so many bytes. */
async function startCuttingProxy(maxBytes: number) {
  const ranges: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method, headers } = incoming;
    if (headers.range !== undefined) ranges.push(headers.range);
    const url = new URL(incoming.url ?? "/", endpoint.url);
    forward(url, { method, headers, agent: false }, (response) => {
      let sent = 0;
      outgoing.writeHead(response.statusCode ?? 500, response.headers);
      response.on("data", (bytes: Buffer) => {
        sent += bytes.length;
        if (sent > maxBytes) outgoing.destroy();
        else outgoing.write(bytes);
      });
      response.on("error", () => undefined);
      response.on("end", () => outgoing.end());
      outgoing.on("close", () => response.destroy());
    }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    ranges: () => ranges,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
