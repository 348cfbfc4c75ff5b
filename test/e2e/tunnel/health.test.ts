import { expect, test } from "vitest";
import { systemClock } from "#lib/base/clock.ts";
import { startPostgresServer } from "#lib/local/postgres/server.ts";
import { directTransport } from "#lib/tunnel/direct/transport.ts";
import { askPostgres } from "#lib/tunnel/health.ts";
import { startTestServer } from "../../support/postgres.ts";

test("asking PostgreSQL leaves no stream, and no line in the server's log", async () => {
  await using stopped = await startTestServer();
  await stopped.stop();
  const lines: string[] = [];
  const { dataDir } = stopped;
  await using server = await startPostgresServer({
    dataDir,
    port: 0,
    durable: false,
    onLog: (line) => lines.push(line),
  });
  const { signal } = new AbortController();
  await using link = await directTransport(server).connect(signal);
  const before = lines.length;
  for (let check = 0; check < 5; check += 1) {
    const answerMs = await askPostgres(link, { clock: systemClock, signal, deadlineMs: 5_000 });
    expect(answerMs).toBeLessThan(1_000);
  }
  await expect.poll(() => link.vitals().openStreams).toBe(0);
  // Whatever the server has to say about them it has said when it is down.
  await server.stop();
  const said = lines.slice(before);
  expect(said.some((line) => line.includes("shut down"))).toBe(true);
  expect(said.filter((line) => /SSL|startup|EOF|connection/iu.test(line))).toEqual([]);
});
