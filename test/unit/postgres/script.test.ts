import { once } from "node:events";
import { PassThrough } from "node:stream";
import type { ClientBase } from "pg";
import { expect, it } from "vitest";
import { runScript } from "#lib/postgres/script.ts";

type SentScript = { submit(connection: { stream: PassThrough }): void; handleReadyForQuery(): void };

it("leaves no listener at the connection of a script that went in pieces", async () => {
  const stream = new PassThrough();
  const sql = `-- ${"x".repeat(3 * 1024 * 1024)}`;
  const size = 1 + 4 + sql.length + 1;
  let seen = 0;
  let sent: SentScript | undefined;
  stream.on("data", (chunk: Buffer) => {
    seen += chunk.length;
    if (seen % size === 0) sent?.handleReadyForQuery();
  });
  const query = (script: SentScript) => {
    sent = script;
    script.submit({ stream });
  };
  const client = { query } as unknown as ClientBase;
  const before = stream.listenerCount("close");
  for (let count = 0; count < 3; count += 1) await runScript(client, sql);
  await expect.poll(() => stream.listenerCount("close")).toBe(before);
  expect(seen).toBe(3 * size);
  stream.destroy();
  await once(stream, "close");
});
