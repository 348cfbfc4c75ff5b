/**
 * How PostgreSQL is to write types, expressions and definitions: with every schema that is not its own, and without what
 * role, database or server have set. The same that pg_dump sets.
 */
const deparseSettings = `
  set local search_path = '';
  set local datestyle = 'iso, ymd';
  set local intervalstyle = 'postgres';
  set local timezone = 'utc';
  set local extra_float_digits = 1;
  set local bytea_output = 'hex';
  set local standard_conforming_strings = on;
  set local quote_all_identifiers = off;`;

/**
 * Catalogs are small, but the planner takes such a query for costly: compiling it would take longer than running it.
 * Definitions are read under ACCESS SHARE, so that somebody's ACCESS EXCLUSIVE would keep us waiting; and a column whose
 * highest rows were all deleted makes `max` read a long way.
 */
const limits = "set local jit = off; set local lock_timeout = '2s'; set local statement_timeout = '15s';";

/** One query with the same settings and limits inside a transaction, which goes on with its own: a savepoint brings them back. */
export function asInnerReading(query: string): string {
  const after = ["rollback to savepoint postern_reading", "release savepoint postern_reading"];
  return [`savepoint postern_reading; ${deparseSettings} ${limits}`, query, ...after].join(";\n");
}

/**
 * These queries as one message: PostgreSQL runs it as one transaction, so that the settings end with it and it takes one
 * round trip. Not for use inside another transaction, which would keep them.
 */
export function asOneReading(queries: readonly string[]): string {
  return [`set transaction read only; ${deparseSettings} ${limits}`, ...queries].join(";\n");
}
