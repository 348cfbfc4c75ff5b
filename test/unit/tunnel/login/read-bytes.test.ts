import { once } from "node:events";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { readBytes, readMessage } from "#lib/tunnel/login/read-bytes.ts";

const never = new AbortController().signal;
const message = Buffer.from("R\0\0\0\u{8}\0\0\0\u{3}", "latin1");

describe("readBytes", () => {
  test("leaves what comes behind for the next reader, however it comes", async () => {
    for (const size of [1, 2, 3, 5, 100]) {
      const stream = new PassThrough();
      const all = Buffer.from("startup|password|everything else");
      const write = async () => {
        for (let offset = 0; offset < all.length; offset += size) {
          stream.write(all.subarray(offset, offset + size));
          // Some of it together, some of it a moment later.
          if (offset % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        stream.end();
      };
      const written = write();
      expect(String(await readBytes(stream, 8, never))).toBe("startup|");
      expect(String(await readBytes(stream, 0, never))).toBe("");
      expect(String(await readBytes(stream, 9, never))).toBe("password|");
      expect(String(await buffer(stream))).toBe("everything else");
      await written;
    }
  });

  test("takes nothing more once it has its bytes, though its promise is not heard yet", async () => {
    const stream = new PassThrough();
    const read = readBytes(stream, 2, never);
    stream.write("abcdef");
    stream.emit("readable");
    stream.emit("readable");
    expect(String(await read)).toBe("ab");
    expect(String(await readBytes(stream, 4, never))).toBe("cdef");
  });

  test.each([0, 1, 7])("says that the stream ended after %i of 8 bytes", async (length) => {
    const stream = new PassThrough();
    stream.end(Buffer.alloc(length));
    await expect(readBytes(stream, 8, never)).rejects.toMatchObject({ code: "endpoint.closed" });
    await expect(readBytes(stream, 8, never)).rejects.toMatchObject({ code: "endpoint.closed" });
  });

  test("says that the stream was destroyed, before or meanwhile", async () => {
    const stream = new PassThrough();
    stream.on("error", () => {});
    const read = readBytes(stream, 8, never);
    const failure = read.catch((error: unknown) => error);
    stream.destroy(new Error("reset"));
    expect(await failure).toMatchObject({ code: "endpoint.closed" });
    await expect(readBytes(stream, 8, never)).rejects.toMatchObject({ code: "endpoint.closed" });
  });

  test("stops when it is aborted, and takes nothing with it", async () => {
    const stream = new PassThrough();
    const stop = new AbortController();
    const failure = readBytes(stream, 8, stop.signal).catch((error: unknown) => error);
    stream.write("1234");
    stop.abort(new Error("enough"));
    expect(await failure).toMatchObject({ message: "enough" });
    stream.write("5678");
    expect(String(await readBytes(stream, 8, never))).toBe("12345678");
    await expect(readBytes(stream, 1, stop.signal)).rejects.toThrow("enough");
    expect(stream.listenerCount("readable")).toBe(0);
    expect(stream.listenerCount("close")).toBe(0);
  });
});

describe("readMessage", () => {
  test("reads one message, byte by byte, and no more", async () => {
    const stream = new PassThrough();
    const read = readMessage(stream, never);
    for (const byte of Buffer.concat([message, message])) {
      stream.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await read).toEqual({ letter: "R", body: message.subarray(5), bytes: message });
    expect(stream.readableLength).toBe(message.length);
  });

  test.each([-1, 0, 3, 65_537, 0x7f_ff_ff_ff])("refuses a length of %i before it collects anything", async (length) => {
    const stream = new PassThrough();
    const header = Buffer.from(message.subarray(0, 5));
    header.writeInt32BE(length, 1);
    stream.write(header);
    await expect(readMessage(stream, never)).rejects.toMatchObject({ code: "endpoint.not-postgres" });
  });

  test("reads the longest that it takes", async () => {
    const stream = new PassThrough();
    const header = Buffer.from(message.subarray(0, 5));
    header.writeInt32BE(65_536, 1);
    const read = readMessage(stream, never);
    for (const part of [header, Buffer.alloc(65_532, 7)]) if (!stream.write(part)) await once(stream, "drain");
    expect((await read).body).toHaveLength(65_532);
  });
});
