/**
 * Names that RDS gives no new database. It says of the rule only "a word reserved by the engine", and means more than
 * PostgreSQL does: the last line has words that PostgreSQL does not reserve and that RDS was seen to refuse.
 * `postgres`, which RDS makes where nothing is named, is allowed. Pure.
 */
const taken = new Set(
  `
  rdsadmin template0 template1
  all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column
  concurrently constraint create cross current_catalog current_date current_role current_schema current_time
  current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from
  full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit localtime
  localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references returning right
  select session_user similar some symmetric system_user table tablesample then to trailing true union unique user using
  variadic verbose when where window with
  admin catalog control database dispatch flag
  `
    .trim()
    .split(/\s+/),
);

export function isTakenDatabaseName(name: string): boolean {
  return taken.has(name);
}
