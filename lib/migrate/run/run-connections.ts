import type pg from "pg";
import type { Connection, ConnectOptions } from "#lib/postgres/connect.ts";
import { runApplicationName } from "../ledger/ledger.ts";

/** How a run gets at its database: the connection that works, and how to open another like it. */
export type RunConnections = {
  readonly client: pg.Client;
  /** Opens one more connection of this run, with its application name. One attempt: the caller knows when to try again. */
  readonly open: (signal?: AbortSignal, connectTimeoutMs?: number) => Promise<Connection>;
};

/** An answer that takes longer is none: whoever opens another connection of a run has something to look after. */
const anotherTimeoutMs = 5000;

/**
 * Says goodbye, and does not wait until the server's process has gone: a run lets go of its lock by itself, and nobody waits for
 * its connections. So that process may live on for a moment under the run's application name; in Lambda the goodbye may be sent no
 * sooner than the function thaws for its next invocation.
 */
export function sayGoodbye(connection: Connection): void {
  void connection.close().catch(() => undefined);
}

/** Connects for a run: everything of it carries its name. Disposing leaves the connection that works. */
export async function connectForRun(
  runId: string,
  connect: (options: ConnectOptions) => Promise<Connection>,
  signal?: AbortSignal,
): Promise<RunConnections & AsyncDisposable> {
  const applicationName = runApplicationName(runId);
  const connection = await connect({ applicationName, signal });
  return {
    client: connection.client,
    open: async (until, connectTimeoutMs = anotherTimeoutMs) =>
      connect({ applicationName, signal: until, retry: false, connectTimeoutMs }),
    [Symbol.asyncDispose]: async () => sayGoodbye(connection),
  };
}
