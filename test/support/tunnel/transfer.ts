import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import { madeUpBytes, sha256, taskHeader } from "../../conformance/far-end.ts";
import type { Link } from "#lib/tunnel/transport.ts";

const { signal } = new AbortController();

/** A stream whose far end echoes. */
export async function openEcho(link: Link): Promise<Duplex> {
  const stream = await link.openStream(signal);
  stream.on("error", () => {});
  stream.write(taskHeader("echo"));
  return stream;
}

/** Says it and waits until it comes back. */
export async function ping(stream: Duplex, text = "ping!"): Promise<void> {
  stream.write(text);
  const echoed = (await take(stream, text.length)).toString();
  if (echoed !== text) throw new Error(`Sent ${text}, got ${echoed}.`);
}

/** The next bytes, so many; nothing else may read the stream meanwhile. */
export async function take(stream: Duplex, count: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let missing = count;
  const onData = (chunk: Buffer) => {
    chunks.push(chunk);
    missing -= chunk.length;
    if (missing <= 0) resolve(Buffer.concat(chunks));
  };
  const onClose = () => reject(stream.errored ?? new Error(`The stream ended ${missing} bytes too early.`));
  if (stream.destroyed) onClose();
  stream.on("data", onData).once("close", onClose).resume();
  try {
    return await promise;
  } finally {
    stream.off("data", onData).off("close", onClose).pause();
  }
}

/** Made-up bytes up a stream of their own; the far end's SHA-256 is compared. */
export async function upload(link: Link, bytes: number): Promise<void> {
  const payload = madeUpBytes(bytes, 3);
  const stream = await link.openStream(signal);
  stream.write(taskHeader("hash", bytes));
  stream.write(payload);
  const digest = await take(stream, 32);
  stream.destroy();
  if (digest.toString("hex") !== sha256(payload)) throw new Error("What came up is not what was sent.");
}

/** Made-up bytes down a stream of their own, compared by SHA-256. */
export async function download(link: Link, bytes: number): Promise<void> {
  const stream = await link.openStream(signal);
  const hash = createHash("sha256");
  stream.write(taskHeader("send", bytes));
  for await (const chunk of stream) hash.update(chunk as Buffer);
  if (hash.digest("hex") !== sha256(madeUpBytes(bytes))) throw new Error("What came down is not what was sent.");
}
