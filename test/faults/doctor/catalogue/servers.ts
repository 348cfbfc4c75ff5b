import { readFile, rm, writeFile } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { findFreePort } from "#lib/local/net/free-port.ts";
import { removePostgresData } from "#lib/local/postgres/home.ts";
import { startPostgresServer, superuserAddress } from "#lib/local/postgres/server.ts";
import { connect } from "#lib/postgres/connect.ts";
import { copyCluster } from "../../../support/cluster-template.ts";
import { startTestServer } from "../../../support/postgres.ts";
import { makeDataFolder } from "../../../support/run-folder.ts";
import { waitFor } from "../../../support/wait-for.ts";
import { between, type Broken, type LabFault } from "../fault.ts";

/** Servers in a state of their own: each is a real one that is started for it. */
export const serverFaults: readonly LabFault[] = [
  {
    name: "server: a standby",
    expected: ["db.read-only"],
    strikes: "ready",
    open: async ({ runFolder }) => openStandby(runFolder, "on"),
  },
  {
    name: "server: still in recovery",
    expected: ["db.starting"],
    strikes: "startup",
    open: async ({ runFolder }) => openStandby(runFolder, "off"),
  },
  {
    name: "server: shutting down",
    expected: ["db.starting"],
    strikes: "startup",
    open: async ({ runFolder }) => {
      await using stack = new AsyncDisposableStack();
      const server = stack.use(await startTestServer({}, runFolder));
      const address = superuserAddress(server);
      stack.use(await connect(address, { applicationName: "lab" }));
      // A smart shutdown waits for this session, and lets in no other.
      process.kill(server.pid, "SIGTERM");
      await waitFor("the server lets nobody in", async () => {
        const another = await connect(address, { applicationName: "lab" }).catch(() => undefined);
        await another?.[Symbol.asyncDispose]();
        return another === undefined;
      });
      const opened = stack.move();
      return { address, [Symbol.asyncDispose]: async () => opened.disposeAsync() };
    },
  },
  {
    name: "server: full",
    expected: ["db.too-many-connections"],
    strikes: ["startup", "auth"],
    open: async ({ runFolder }, random) => {
      await using stack = new AsyncDisposableStack();
      const most = between(random, 3, 8);
      const settings = { max_connections: String(most), superuser_reserved_connections: "0", max_wal_senders: "0" };
      const address = superuserAddress(stack.use(await startTestServer({ settings }, runFolder)));
      for (let count = 0; count < most; count += 1) stack.use(await connect(address, { applicationName: "lab" }));
      const opened = stack.move();
      return { address, drawn: `${most}`, [Symbol.asyncDispose]: async () => opened.disposeAsync() };
    },
  },
];

/** A server that waits for a primary which there is not: with `hot_standby` it answers, without it never is ready. */
async function openStandby(runFolder: string, hotStandby: "on" | "off"): Promise<Broken> {
  const folder = await makeDataFolder(runFolder);
  const dataDir = join(folder, "postgres");
  await copyCluster(runFolder, 18, dataDir);
  await writeFile(join(dataDir, "server", "cluster", "standby.signal"), "");
  const port = await findFreePort();
  const stop = new AbortController();
  let isThere = false;
  const running = startPostgresServer({
    dataDir,
    port,
    durable: false,
    settings: { hot_standby: hotStandby },
    signal: stop.signal,
    onLog: (line) => {
      isThere ||= line.includes(hotStandby === "on" ? "accept read-only connections" : "entering standby mode");
    },
  }).catch(() => undefined);
  await waitFor("the standby is there", async () => isThere && !(await refuses(port)), 20_000);
  const password = (await readFile(join(dataDir, "superuser-password"), "utf8")).trim();
  const caPem = await readFile(join(dataDir, "ca.pem"), "utf8");
  return {
    address: superuserAddress({ host: "127.0.0.1", port, superuser: "postgres", password, caPem }),
    [Symbol.asyncDispose]: async () => {
      // It never says that it is ready to be written to: the start is given up, which stops it.
      stop.abort();
      await running;
      await removePostgresData(dataDir);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Nothing listens there. */
async function refuses(port: number): Promise<boolean> {
  const socket = connectTcp(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}
