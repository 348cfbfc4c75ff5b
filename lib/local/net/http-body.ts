import type { IncomingMessage } from "node:http";

/**
 * The whole body, or undefined when it is larger than `maxBytes`. The rest of a body that is too large is read and
 * dropped, so that the sender gets the answer and not a broken connection.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
  }
  return size > maxBytes ? undefined : Buffer.concat(chunks, size);
}
