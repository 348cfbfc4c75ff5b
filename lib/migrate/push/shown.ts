import { mayHoldPassword, notShown } from "../sql/passwords.ts";

/** A statement as results, errors and the ledger show it: whole, or not at all. A result is kept, and read by others. */
export function showSql(sql: string): string {
  return mayHoldPassword(sql) ? notShown : sql;
}

/**
 * Why the server refused a statement. It quotes values: of a statement that is not shown, and, with a SQLSTATE of class 22
 * (data exception), of rows.
 */
export function showReason(reason: string, sql: string, sqlState?: string): string {
  const mayQuoteValue = mayHoldPassword(sql) || sqlState?.startsWith("22") === true;
  return mayQuoteValue ? reason.replace(/".*"/su, '"…"') : reason;
}
