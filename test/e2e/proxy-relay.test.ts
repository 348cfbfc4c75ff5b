import { expect, test } from "vitest";
import { startProxyRelay } from "#lib/local/proxy/relay.ts";
import { clientOf, query } from "../support/local-postgres.ts";
import { sharedServer } from "../support/postgres.ts";
import { waitFor } from "../support/wait-for.ts";

test("leads to the server, whose certificate and logins it has", async () => {
  const server = sharedServer();
  await using relay = await startProxyRelay(server);
  const rows = await query({ ...clientOf(server), port: relay.port }, "select inet_server_port() as port");
  expect(rows).toEqual([{ port: server.port }]);
});

test("without a target it ends what goes through it, keeps who comes waiting, and lets them through in the end", async () => {
  const server = sharedServer();
  const events: string[] = [];
  await using relay = await startProxyRelay(server, { onEvent: (event) => events.push(event) });
  const through = query({ ...clientOf(server), port: relay.port }, "select pg_sleep(60)");
  const ended = through.catch((error: unknown) => String(error));
  await query(clientOf(server), waitForSleeper);
  relay.setAvailable(false);
  expect(await ended).toMatch(/terminated|closed|ECONNRESET/u);

  const waiting = query({ ...clientOf(server), port: relay.port }, "select 1 as one");
  await waitFor("it waits", () => relay.waiting === 1);
  relay.setAvailable(true);
  expect(await waiting).toEqual([{ one: 1 }]);
  expect(events).toEqual(["waits"]);
});

test("who waits for too long is ended, and that is told", async () => {
  const events: string[] = [];
  const options = { borrowTimeoutMs: 50, onEvent: (event: string) => void events.push(event) };
  await using relay = await startProxyRelay(sharedServer(), options);
  relay.setAvailable(false);
  await expect(query({ ...clientOf(sharedServer()), port: relay.port }, "select 1")).rejects.toThrow(
    /terminated|closed|ECONNRESET/u,
  );
  expect(events).toEqual(["waits", "timed-out"]);
});

test("a server that is not there ends the connection", async () => {
  const server = sharedServer();
  await using nowhere = await startProxyRelay({ host: "127.0.0.1", port: 1 });
  const refused = query({ ...clientOf(server), port: nowhere.port }, "select 1");
  await expect(refused).rejects.toThrow(/terminated|closed|ECONNRESET/u);
});

/** Returns when somebody sleeps. */
const waitForSleeper = `do $$ begin
  while not exists (select from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active') loop
    perform pg_sleep(0.01);
    perform pg_stat_clear_snapshot();
  end loop;
end $$`;
