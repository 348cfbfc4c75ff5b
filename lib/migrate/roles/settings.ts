import type { RoleKey } from "#lib/contract.ts";

export type RoleSettings = {
  /** -1: as many as the server has. */
  readonly connectionLimit: number;
  /** `alter role … set`: these hold in every session, through a proxy too, until the session sets something else. */
  readonly settings: Readonly<Record<string, string>>;
  /** The same, where the server's platform has them. */
  readonly settingsIfSupported?: Readonly<Record<string, string>>;
};

/** A statement ends with its client: psql whose terminal was closed says no goodbye. Linux, macOS and BSD have it. */
const goesWithItsClient = Object.freeze({ client_connection_check_interval: "500ms" });

/**
 * What each role brings along. Setup writes it anew each time, so that a change here reaches every stage; a session that
 * needs more sets it for itself.
 */
export const roleSettings: Readonly<Record<RoleKey, RoleSettings>> = {
  migrator: {
    connectionLimit: -1,
    settings: {
      idle_in_transaction_session_timeout: "5min",
      // Whoever migrates may be killed, or lose its machine: its statement, and the locks that go with it, must not outlive
      // it for hours. Runs say this for themselves too (session.ts), for `drizzle-kit migrate` it is all there is.
      tcp_keepalives_idle: "15",
      tcp_keepalives_interval: "5",
      tcp_keepalives_count: "3",
    },
    settingsIfSupported: goesWithItsClient,
  },
  app: { connectionLimit: -1, settings: { idle_in_transaction_session_timeout: "1min" } },
  // A public URL leads here: whatever goes wrong, it takes few connections and holds none for long.
  health: {
    connectionLimit: 20,
    settings: {
      default_transaction_read_only: "on",
      // PUBLIC may use schema public in a database that was not made for Postern: nothing there is to be found by accident.
      search_path: "pg_catalog",
      statement_timeout: "2s",
      lock_timeout: "1s",
      idle_in_transaction_session_timeout: "5s",
    },
  },
  readonly: {
    connectionLimit: -1,
    settings: {
      default_transaction_read_only: "on",
      statement_timeout: "5min",
      idle_in_transaction_session_timeout: "5min",
    },
    settingsIfSupported: goesWithItsClient,
  },
  // A person's forgotten transaction, or a statement queued for a lock, must not stop the application.
  operator: {
    connectionLimit: -1,
    settings: { lock_timeout: "10s", idle_in_transaction_session_timeout: "5min" },
    settingsIfSupported: goesWithItsClient,
  },
};
