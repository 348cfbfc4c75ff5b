import type pg from "pg";

/**
 * What a run wants of its session, whoever it logged in as. Without these a runner that was killed, or cut off without a
 * goodbye, would leave its statement running, and the run lock taken, until the statement ends or TCP gives up after hours.
 */
const settings: Readonly<Record<string, string>> = {
  // A frozen runner between two statements, or between two batches of seeds that take long to read.
  idle_in_transaction_session_timeout: "60s",
  idle_session_timeout: "10min",
  // A runner whose machine is gone: noticed after half a minute.
  tcp_keepalives_idle: "15",
  tcp_keepalives_interval: "5",
  tcp_keepalives_count: "3",
};

/**
 * Brings the session back to how a run wants it: what a migration has set (`search_path`, a role, a timeout, as every
 * pg_dump begins with) must not reach the next one, or one run would do something else than two. Not DISCARD ALL, which
 * would let go of the run lock. Not inside a transaction.
 */
export async function resetSession(client: pg.Client): Promise<void> {
  await client.query("reset session authorization; reset role; reset all");
  // Only those that this server has.
  await client.query(
    "select set_config(s.name, v.value, false) from json_each_text($1) v join pg_settings s on s.name = v.key",
    [JSON.stringify(settings)],
  );
  // The server looks for a closed connection while a statement runs: Linux, macOS and BSD, from PostgreSQL 14 on. Elsewhere
  // it refuses, and the run works all the same.
  await client.query("set client_connection_check_interval = '500ms'").catch((error: unknown) => {
    const isRefusal = error instanceof Error && "severity" in error && error.severity === "ERROR";
    if (!isRefusal) throw error;
  });
}
