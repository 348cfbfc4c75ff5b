import { Client } from "pg";
import type { PosternError } from "#lib/base/errors.ts";
import { openTcp } from "#lib/postgres/socket.ts";
import { type Login, type LoginOptions, startLogin } from "#lib/tunnel/login/login.ts";
import type { LoginUpstream } from "#lib/tunnel/login/upstream.ts";
import { createTestDatabase, sharedServer, type TestDatabase, type TestServer } from "../postgres.ts";

export type LoginScene = AsyncDisposable & {
  readonly login: Login;
  readonly database: TestDatabase;
  /** What it could not log in to. */
  readonly failures: PosternError[];
  /** How many streams to the database were opened. */
  readonly streams: () => number;
  /** Everything that a client may have been told, or a log may hold. */
  readonly secrets: readonly string[];
  /** A node-postgres client as a stranger would make one: from the URL alone. */
  readonly connect: (url?: string) => Promise<Client & AsyncDisposable>;
};

export type LoginSceneOptions = {
  readonly server?: TestServer;
  readonly upstream?: Partial<LoginUpstream>;
  readonly openStream?: LoginOptions["openStream"];
  readonly nodeCaFile?: string;
};

/** A log-in port before a real PostgreSQL with TLS, and a database of the test's own. */
export async function openLoginScene(options: LoginSceneOptions = {}): Promise<LoginScene> {
  await using stack = new AsyncDisposableStack();
  const server = options.server ?? sharedServer();
  const database = stack.use(await createTestDatabase(server));
  const failures: PosternError[] = [];
  let streams = 0;
  const { host, port, user, password = "", ca } = database.address;
  const openStream = options.openStream ?? (async (signal) => openTcp(server, signal));
  const login = stack.use(
    await startLogin({
      port: 0,
      nodeCaFile: options.nodeCaFile,
      openStream: async (signal) => {
        streams += 1;
        return await openStream(signal);
      },
      upstream: { host, port, user, database: database.name, password: async () => password, ca, ...options.upstream },
      onFailure: (error) => failures.push(error),
    }),
  );
  const all = stack.move();
  return {
    login,
    database,
    failures,
    streams: () => streams,
    secrets: [password, new URL(login.url).password],
    connect: async (url = login.url) => await connectClient(url),
    [Symbol.asyncDispose]: async () => await all.disposeAsync(),
  };
}

async function connectClient(connectionString: string): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString });
  // A connection that is lost must not end the test run.
  client.on("error", () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: async () => await client.end() });
}
