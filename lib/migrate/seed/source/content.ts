import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { PosternError } from "#lib/base/errors.ts";

/** The bytes of a seed file, wherever they are. */
export interface SeedContent {
  /** For progress; undefined where nobody can know it before the end. */
  size(): Promise<number | undefined>;
  /** Names exactly these bytes, where the place they come from keeps count of versions: then they need no checksum. */
  version(): Promise<string | undefined>;
  /** From that byte on, in pieces of any size. Each call reads anew. */
  read(fromByte: number): AsyncIterable<Buffer>;
}

const readBytes = 256 * 1024;

/** @param name for people: `demo/20-products.ndjson` */
export function localContent(path: string, name: string): SeedContent {
  return {
    size: async () => (await stat(path).catch(() => undefined))?.size,
    version: async () => undefined,
    async *read(fromByte) {
      try {
        // Without an encoding the stream gives buffers.
        yield* createReadStream(path, { start: fromByte, highWaterMark: readBytes }) as AsyncIterable<Buffer>;
      } catch (error) {
        throw toReadError(error, name);
      }
    },
  };
}

/** What a gzip file holds. There is no way into its middle, so that reading from a byte on unpacks what is before it. */
export function gunzipped(packed: SeedContent, name: string): SeedContent {
  return {
    size: async () => undefined,
    version: async () => packed.version(),
    async *read(fromByte) {
      let toSkip = fromByte;
      try {
        const unpacked = pipeline(packed.read(0), createGunzip({ chunkSize: readBytes }), () => undefined);
        for await (const bytes of unpacked as AsyncIterable<Buffer>) {
          const skipped = Math.min(toSkip, bytes.length);
          toSkip -= skipped;
          if (skipped < bytes.length) yield bytes.subarray(skipped);
        }
      } catch (error) {
        throw toReadError(error, name);
      }
    },
  };
}

/** How much of a file was read, for progress. */
export type ByteMeter = { doneBytes: number; readonly totalBytes: number | undefined };

/** The same content, counted. Each reading sets the meter anew. */
export async function metered(content: SeedContent): Promise<{ content: SeedContent; meter: ByteMeter }> {
  const meter: ByteMeter = { doneBytes: 0, totalBytes: await content.size() };
  return {
    meter,
    content: {
      size: async () => meter.totalBytes,
      version: async () => content.version(),
      async *read(fromByte) {
        meter.doneBytes = fromByte;
        for await (const bytes of content.read(fromByte)) {
          meter.doneBytes += bytes.length;
          yield bytes;
        }
      },
    },
  };
}

function toReadError(error: unknown, name: string): PosternError {
  if (error instanceof PosternError) return error;
  const { code } = error as NodeJS.ErrnoException;
  return new PosternError("seed.invalid-file", `${name} cannot be read (${code}).`, { cause: error });
}
