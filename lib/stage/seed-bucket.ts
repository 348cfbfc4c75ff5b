import { setTimeout as delay } from "node:timers/promises";
import { GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { PosternError } from "#lib/base/errors.ts";
import type { SeedContent } from "#lib/migrate/seed/source/content.ts";
import { isSetName, nameSeedFiles, type SeedSource, toSeedFile, unknownSet } from "#lib/migrate/seed/source/sets.ts";
import { type AwsAccess, clientConfig, sendOptions } from "./aws-access.ts";
import { toAwsError } from "./aws-errors.ts";

export type SeedBucketOptions = {
  readonly bucket: string;
  /** Of the folder that holds the sets: empty, or ending in a slash. */
  readonly prefix: string;
  readonly access: AwsAccess;
  /** An endpoint of our own has one host name for all buckets. */
  readonly isPathStyle: boolean;
  readonly signal?: AbortSignal | undefined;
};

/** How often the rest of an object is asked for again when its stream breaks off. */
const maxBreaks = 5;
const afterBreakMs = 200;

/** A stream may pause for as long as the database takes for a chunk. */
const requestTimeoutMs = 60_000;

type Bucket = SeedBucketOptions & { readonly client: S3Client };

/**
 * Seed sets in a bucket: a set is the "folder" of its name below the prefix. Only data: code from a bucket would run with the
 * migrator's rights for whoever may write there.
 *
 * An object is read at the version (ETag) that it had when the set was listed, from any byte on, and goes on where it broke
 * off; one that is replaced meanwhile fails.
 *
 * @throws PosternError `seed.unknown-set`, `seed.invalid-file`, `aws.*`
 */
export function openSeedBucket(options: SeedBucketOptions): SeedSource & Disposable {
  const client = new S3Client({
    ...clientConfig(options.access, { requestTimeoutMs }),
    forcePathStyle: options.isPathStyle,
    // Buckets in another region than the function's.
    followRegionRedirects: true,
  });
  const bucket = { ...options, client };
  return {
    findFiles: async (set) => {
      if (!isSetName(set)) throw unknownSet(set, "a set is named with letters, digits, - and _");
      const folder = `${options.prefix}${set}/`;
      const place = `s3://${options.bucket}/${folder}`;
      const objects = await listFolder(bucket, folder);
      if (objects.length === 0) {
        const hint = "--from names the folder that holds the sets, and --set the folder in it.";
        throw unknownSet(set, `there is nothing in ${place}`, hint);
      }
      const entries = listEntries(objects.map(({ key }) => key.slice(folder.length)));
      return nameSeedFiles(set, entries, place).map((named) => {
        if (named.format === "sql" || named.format === "module") throw codeInBucket(named.name);
        const object = objects.find(({ key }) => key === folder + named.fileName);
        if (object === undefined) throw new PosternError("internal", `${named.name} was listed and is gone.`);
        return toSeedFile(named, objectContent(bucket, object, named.name));
      });
    },
    [Symbol.dispose]: () => client.destroy(),
  };
}

/** As a folder lists them: of keys with a slash what is before the first one, once. */
function listEntries(keys: readonly string[]): { readonly name: string; readonly isFolder: boolean }[] {
  const folders = new Set(keys.filter((key) => key.includes("/")).map((key) => key.slice(0, key.indexOf("/"))));
  return [
    ...keys.filter((key) => !key.includes("/")).map((name) => ({ name, isFolder: false })),
    ...Array.from(folders, (name) => ({ name, isFolder: true })),
  ];
}

function codeInBucket(name: string): PosternError {
  return new PosternError("seed.invalid-file", `${name} is code: a bucket gives data only.`, {
    hint: "CSV and NDJSON may come from a bucket. SQL and TypeScript belong to the seeds that are deployed.",
  });
}

type BucketObject = { readonly key: string; readonly etag: string; readonly bytes: number };

async function listFolder(bucket: Bucket, folder: string): Promise<BucketObject[]> {
  const objects: BucketObject[] = [];
  let token: string | undefined;
  do {
    const page = await call(bucket, "s3:ListBucket", async () =>
      bucket.client.send(
        new ListObjectsV2Command({ Bucket: bucket.bucket, Prefix: folder, ContinuationToken: token }),
        sendOptions(bucket.signal),
      ),
    );
    for (const { Key = "", ETag = "", Size = 0 } of page.Contents ?? []) {
      // A "folder" that was made by hand is an empty object of its name.
      if (Key !== folder) objects.push({ key: Key, etag: ETag, bytes: Size });
    }
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return objects;
}

function objectContent(bucket: Bucket, object: BucketObject, name: string): SeedContent {
  return {
    size: async () => object.bytes,
    version: async () => `etag:${object.etag}`,
    async *read(fromByte) {
      let at = fromByte;
      for (let breaks = 0; at < object.bytes; breaks += 1) {
        const stream = await openObject(bucket, object, name, at);
        try {
          for await (const bytes of stream) {
            at += bytes.length;
            yield bytes;
          }
          if (at < object.bytes) throw new Error("the stream ended early");
        } catch (error) {
          if (bucket.signal?.aborted === true || breaks >= maxBreaks) {
            throw toAwsError(error, { name: "s3:GetObject", access: bucket.access, signal: bucket.signal });
          }
          await delay(afterBreakMs * 2 ** breaks, undefined, { ...(bucket.signal && { signal: bucket.signal }) });
        }
      }
    },
  };
}

async function openObject(
  bucket: Bucket,
  { key, etag }: BucketObject,
  name: string,
  fromByte: number,
): Promise<AsyncIterable<Buffer>> {
  const range = fromByte === 0 ? {} : { Range: `bytes=${fromByte}-` };
  const command = new GetObjectCommand({ Bucket: bucket.bucket, Key: key, IfMatch: etag, ...range });
  try {
    const { Body } = await call(bucket, "s3:GetObject", async () =>
      bucket.client.send(command, sendOptions(bucket.signal)),
    );
    // In Node the body is a stream of buffers.
    return Body as unknown as AsyncIterable<Buffer>;
  } catch (error) {
    const { cause } = error as Error;
    if (!(cause instanceof Error) || cause.name !== "PreconditionFailed") throw error;
    throw new PosternError("seed.invalid-file", `${name} was replaced in the bucket while it was read.`, {
      cause,
      hint: "What was written of it is kept. Run seed again: it goes over the new file from its start.",
    });
  }
}

async function call<Value>(
  { access, signal, bucket }: Bucket,
  name: string,
  run: () => Promise<Value>,
): Promise<Value> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchBucket") {
      throw new PosternError("seed.unknown-set", `There is no bucket ${bucket}.`, { cause: error });
    }
    throw toAwsError(error, { name, access, signal });
  }
}
