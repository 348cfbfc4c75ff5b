import type { Client } from "pg";
import { connect } from "#lib/postgres/connect.ts";
import type { CommandContext } from "./command-context.ts";
import type { UrlTarget } from "./target.ts";

/** What only reads takes milliseconds; where it takes longer, somebody has locked the history. */
const statementTimeoutMs = 60_000;

/** Reads from the database right here. Nothing is lost by ending that: a signal does, whatever the server is waiting for. */
export async function readFromUrl<Result>(
  { address }: UrlTarget,
  verb: string,
  { signal }: CommandContext,
  read: (client: Client) => Promise<Result>,
): Promise<Result> {
  const applicationName = `postern ${verb}`;
  await using connection = await connect(address, { applicationName, signal, statementTimeoutMs });
  const stop = () => void connection.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await read(connection.client);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
