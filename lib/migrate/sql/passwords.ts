/** What stands in the place of SQL that is not shown. */
export const notShown = "(not shown: it may hold a password)";

/**
 * Whether SQL may hold a password (`create role … password '…'`), or with a quoted value another secret. Plans and errors are
 * printed, and kept in the ledger, so nothing of such a statement is quoted; a column named `password_hash` costs an excerpt,
 * which is the cheaper mistake.
 */
export function mayHoldPassword(sql: string): boolean {
  return /password/iu.test(sql) || (/secret|token|api_?key|credential/iu.test(sql) && /['$]/u.test(sql));
}

/** PostgreSQL quotes the word that it stumbled over: `syntax error at or near "…"`. */
export function withoutQuotedWord(message: string): string {
  return message.replace(/ at or near ".*"/su, "");
}
