import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { describe, expect, test } from "vitest";
import { readLogStream } from "#lib/local/lambda/log-stream.ts";

const mark = "\0next\0";

async function linesOf(chunks: readonly (string | Uint8Array)[]): Promise<string[]> {
  const stream = new PassThrough();
  const lines: string[] = [];
  readLogStream(stream, (line) => lines.push(line));
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await finished(stream).catch(() => {});
  return lines;
}

describe("what an environment writes", () => {
  const text = `first ü\n${mark}two\rof one record\n\nno end${mark}more\n${mark}last words`;
  const lines = ["first ü", "two\nof one record", "", "no end", "more", "last words"];

  test("is split into lines, records with \\r into lines of one record", async () => {
    expect(await linesOf([text])).toEqual(lines);
  });

  test("is the same wherever it is cut", async () => {
    const bytes = Buffer.from(text);
    for (let at = 1; at < bytes.length; at += 1) {
      expect(await linesOf([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(lines);
    }
    expect(await linesOf([...bytes].map((byte) => Buffer.from([byte])))).toEqual(lines);
  });
});

test("a line without an end is given out in pieces before it fills the memory", async () => {
  const stream = new PassThrough();
  const lines: string[] = [];
  readLogStream(stream, (line) => lines.push(line));
  for (let index = 0; index < 10; index += 1) stream.write("x".repeat(64 * 1024));
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect(lines.length).toBeGreaterThan(0);
  stream.destroy();
});

test("a mark is reached once all before it was read, also when it was read before it was asked for", async () => {
  const stream = new PassThrough();
  const lines: string[] = [];
  const log = readLogStream(stream, (line) => lines.push(line));
  const second = log.reached(2);
  stream.write(`a${mark}b`);
  await log.reached(1);
  expect(lines).toEqual(["a"]);
  stream.write(`c${mark}`);
  await second;
  expect(lines).toEqual(["a", "bc"]);
  await log.reached(1);
  stream.destroy();
});
