import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  GetObjectCommand,
  type GetObjectCommandInput,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { disposable, errorOf, startTestEndpoint, type TestEndpoint } from "../../support/aws-endpoint.ts";

let stack: AsyncDisposableStack;
let endpoint: TestEndpoint;
let objectsDir: string;
let s3: S3Client;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  objectsDir = await mkdtemp(join(tmpdir(), "postern-objects-"));
  stack.defer(async () => rm(objectsDir, { recursive: true }));
  await mkdir(join(objectsDir, "seeds"));
  endpoint = stack.use(await startTestEndpoint({ objectsDir }));
  s3 = stack.use(disposable(new S3Client({ ...endpoint.config(), forcePathStyle: true })));
});
afterEach(async () => stack.disposeAsync());

const key = "a folder/1-ü & 'q'.csv";

async function get(more: Partial<GetObjectCommandInput> = {}): Promise<string | undefined> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: "seeds", Key: key, ...more }));
  return await Body?.transformToString();
}

test("what is put can be listed and got, whole and from a byte on", async () => {
  const { ETag } = await s3.send(new PutObjectCommand({ Bucket: "seeds", Key: key, Body: "0123456789" }));
  await s3.send(new PutObjectCommand({ Bucket: "seeds", Key: "other", Body: "" }));
  const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: "seeds", Prefix: "a folder/" }));
  expect(Contents).toMatchObject([{ Key: key, Size: 10, ETag }]);
  expect(await get()).toBe("0123456789");
  expect(await get({ Key: "other" })).toBe("");
  expect(await get({ Range: "bytes=3-" })).toBe("3456789");
  expect(await get({ Range: "bytes=3-5" })).toBe("345");
  expect(await errorOf(get({ Range: "bytes=10-" }))).toMatchObject({ name: "InvalidRange", status: 416 });
});

test("a file that is written into the bucket's folder is an object, with another ETag after each change", async () => {
  const file = join(objectsDir, "seeds", "big");
  await writeFile(file, Buffer.alloc(20 * 1024 * 1024, "x"));
  const { ContentLength, ETag, Body } = await s3.send(new GetObjectCommand({ Bucket: "seeds", Key: "big" }));
  expect(ContentLength).toBe(20 * 1024 * 1024);
  expect((await Body?.transformToByteArray())?.length).toBe(20 * 1024 * 1024);
  expect(await get({ Key: "big", IfMatch: ETag, Range: "bytes=0-1" })).toBe("xx");
  await utimes(file, new Date(), new Date(0));
  expect(await errorOf(get({ Key: "big", IfMatch: ETag }))).toMatchObject({ name: "PreconditionFailed", status: 412 });
});

test("what is not there, or not offered, is refused in the words of AWS", async () => {
  expect(await errorOf(get())).toMatchObject({ name: "NoSuchKey", status: 404 });
  expect(await errorOf(get({ Bucket: "missing" }))).toMatchObject({ name: "NoSuchBucket", status: 404 });
  expect(await errorOf(get({ Key: "../../etc/passwd" }))).toMatchObject({ name: "NoSuchKey" });
  expect(await errorOf(s3.send(new ListObjectsV2Command({ Bucket: "missing" })))).toMatchObject({
    name: "NoSuchBucket",
  });
  expect((await errorOf(s3.send(new ListBucketsCommand({})))).status).toBe(404);
});

test("who may not call is refused", async () => {
  const unknown = { ...endpoint.config({ accessKeyId: "AKIAUNKNOWN" }), forcePathStyle: true };
  using stranger = disposable(new S3Client(unknown));
  const command = new ListObjectsV2Command({ Bucket: "seeds" });
  expect(await errorOf(stranger.send(command))).toMatchObject({ name: "InvalidAccessKeyId", status: 403 });
  using liar = disposable(new S3Client({ ...endpoint.config({ secretAccessKey: "wrong" }), forcePathStyle: true }));
  expect(await errorOf(liar.send(command))).toMatchObject({ name: "SignatureDoesNotMatch", status: 403 });
  const unsigned = await fetch(`${endpoint.url}/seeds/other`);
  expect([unsigned.status, await unsigned.text()]).toEqual([403, expect.stringContaining("<Code>AccessDenied</Code>")]);
});
