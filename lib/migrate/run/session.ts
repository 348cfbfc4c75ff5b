import type pg from "pg";
import { runScript } from "#lib/postgres/script.ts";

const idleSetting = "idle_in_transaction_session_timeout";
const idleMs = 8000;

/** Of the slowest link that a message has to get through: 64 kB a second. */
const slowestBytesPerMs = 64;

/**
 * What a run wants of its session, whoever it logged in as. Without these a runner that was killed, or cut off without a
 * goodbye, would leave its statement running, and the run lock taken, until the statement ends or TCP gives up after hours.
 */
const settings: Readonly<Record<string, string>> = {
  // A runner that is frozen within a transaction, where it never pauses by itself: its locks stop the application.
  [idleSetting]: `${idleMs}ms`,
  // Between two batches of seeds that take long to read.
  idle_session_timeout: "10min",
  // A runner whose machine is gone: noticed after half a minute.
  tcp_keepalives_idle: "15",
  tcp_keepalives_interval: "5",
  tcp_keepalives_count: "3",
  // The server looks for a closed connection while a statement runs: Linux, macOS and BSD.
  client_connection_check_interval: "500ms",
};

/** The statements of `resetStatements`, by connection: what a server accepts does not change. */
const known = new WeakMap<pg.ClientBase, readonly string[]>();

/**
 * Statements that bring the session back to how a run wants it: what a migration has set (`search_path`, a role, a timeout,
 * as every pg_dump begins with) must not reach the next one, or one run would do something else than two. Not DISCARD ALL,
 * which would let go of the run lock. Of the settings only those that this server has, and takes.
 */
export async function resetStatements(client: pg.ClientBase): Promise<readonly string[]> {
  const before = known.get(client);
  if (before !== undefined) return before;
  const statements = await resetAndLearn(client);
  known.set(client, statements);
  return statements;
}

/** Resets the session. Not inside a transaction. */
export async function resetSession(client: pg.ClientBase): Promise<void> {
  const isKnown = known.has(client);
  const statements = await resetStatements(client);
  // Finding out what the server accepts has reset it.
  if (isKnown) await runScript(client, statements.join(";"));
}

/**
 * Inside a transaction, around one message: the server counts the time in which it arrives as idle (SQLSTATE 25P03), so that a
 * long one over a slow link needs a limit of its own. A runner that is frozen while it sends keeps its locks that much longer.
 *
 * @returns statements for before and behind it; none for a short message, nor where the server does not take the setting
 */
export async function limitsToArrive(
  client: pg.ClientBase,
  message: string,
): Promise<{ readonly before: readonly string[]; readonly behind: readonly string[] }> {
  const arrivesInMs = Math.ceil(Buffer.byteLength(message) / slowestBytesPerMs);
  const isLimited = (await resetStatements(client)).some((statement) => statement.startsWith(`set ${idleSetting}`));
  if (!isLimited || arrivesInMs < shortMs) return { before: [], behind: [] };
  const set = `set local ${idleSetting} =`;
  return { before: [`${set} ${idleMs + arrivesInMs}`], behind: [`${set} ${idleMs}`] };
}

/** What the usual limit has room for. */
const shortMs = 2000;

const resetAll = ["reset session authorization", "reset role", "reset all"];

/** All at once, as nearly every server takes them; else one by one. */
async function resetAndLearn(client: pg.ClientBase): Promise<string[]> {
  const wanted = Object.entries(settings).map(([name, value]) => `set ${name} = '${value}'`);
  const all = [...resetAll, ...wanted];
  try {
    await runScript(client, all.join(";"));
    return all;
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  await runScript(client, resetAll.join(";"));
  const accepted = [...resetAll];
  for (const statement of wanted) {
    const isAccepted = await client.query(statement).then(
      () => true,
      (error: unknown) => {
        if (!isRefusal(error)) throw error;
        return false;
      },
    );
    if (isAccepted) accepted.push(statement);
  }
  return accepted;
}

/** The server's own ERROR, after which the connection goes on. */
function isRefusal(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return typeof cause === "object" && cause !== null && "severity" in cause && cause.severity === "ERROR";
}
