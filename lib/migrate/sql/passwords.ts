/**
 * Whether SQL may hold a password (`create role … password '…'`). Errors are printed, and kept in the ledger, so nothing of
 * such a statement is quoted; a column named `password_hash` costs an excerpt, which is the cheaper mistake.
 */
export function mayHoldPassword(sql: string): boolean {
  return /password/iu.test(sql);
}

/** PostgreSQL quotes the word that it stumbled over: `syntax error at or near "…"`. */
export function withoutQuotedWord(message: string): string {
  return message.replace(/ at or near ".*"/su, "");
}
