import { toDatabaseError } from "#lib/postgres/errors.ts";
import { quoteIdentifier, quoteQualified } from "#lib/postgres/quote.ts";
import type { Queryable } from "../ledger/ledger.ts";
import { loadParser } from "../sql/parser.ts";
import { mayHoldPassword } from "../sql/passwords.ts";
import type { Expression, SchemaDescription } from "./kit/kit-messages.ts";
import type { PushResult } from "./result.ts";

/**
 * drizzle-kit compares CHECK constraints by name alone, and of a generated column only that it is one. Whether their
 * expressions differ between file and database is found out here and said; a push changes none of them.
 *
 * The server writes an expression its own way, so that two texts say nothing. It is asked how it writes the file's: in a
 * temporary table with the columns of the real one, which a savepoint takes away again. Call it inside a transaction.
 */
export async function findUncompared(
  client: Queryable,
  { expressions }: Pick<SchemaDescription, "expressions">,
): Promise<PushResult["findings"]> {
  const findings: PushResult["findings"][number][] = [];
  for (const { expression, present, type } of await readPresent(client, expressions)) {
    const wanted = await writeAsServer(client, expression, type);
    if (wanted.written === present) continue;
    const { kind, schema, table, name } = expression;
    const what = `The ${kind === "check" ? "check" : "expression of"} ${name} of ${schema}.${table}`;
    findings.push(
      wanted.written === undefined
        ? { code: "push.uncompared", message: `${what} may differ: ${wanted.refusal}. ${advice}` }
        : { code: "push.differs", message: `${what} differs${quote(wanted.written, present)}. ${advice}` },
    );
  }
  return findings;
}

const advice = "A push does not change it: write a migration.";

function quote(file: string, database: string): string {
  if (mayHoldPassword(file) || mayHoldPassword(database)) return "";
  return `: ${file} in the schema file, ${database} in the database`;
}

type Present = { readonly expression: Expression; readonly present: string; readonly type: string };

/** Of the expressions those that the database has too, as it writes them. What it does not have is drizzle-kit's to add. */
async function readPresent(client: Queryable, expressions: readonly Expression[]): Promise<Present[]> {
  if (expressions.length === 0) return [];
  const { rows } = await client.query<{ n: number; present: string; type: string }>(
    `select w.n::int, f.present, f.type
     from rows from (unnest($1::text[]), unnest($2::text[]), unnest($3::text[]), unnest($4::text[]))
       with ordinality as w (kind, schema, name, part, n)
     join pg_namespace s on s.nspname = w.schema
     join pg_class c on c.relnamespace = s.oid and c.relname = w.name and c.relkind in ('r', 'p')
     cross join lateral (
       select pg_get_expr(k.conbin, k.conrelid) as present, '' as type
       from pg_constraint k where w.kind = 'check' and k.conrelid = c.oid and k.contype = 'c' and k.conname = w.part
       union all
       select pg_get_expr(d.adbin, d.adrelid), format_type(a.atttypid, a.atttypmod)
       from pg_attribute a join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
       where w.kind = 'generated' and a.attrelid = c.oid and a.attname = w.part and a.attgenerated <> ''
     ) f
     order by 1`,
    [
      expressions.map(({ kind }) => kind),
      expressions.map(({ schema }) => schema),
      expressions.map(({ table }) => table),
      expressions.map(({ name }) => name),
    ],
  );
  return rows.flatMap(({ n, present, type }) => {
    const expression = expressions[n - 1];
    return expression === undefined ? [] : [{ expression, present, type }];
  });
}

type Written =
  | { readonly written: string }
  /** Why the server does not take the file's expression for the table as it is now. */
  | { readonly written: undefined; readonly refusal: string };

/** The expression of the file as the server writes it. */
async function writeAsServer(client: Queryable, expression: Expression, type: string): Promise<Written> {
  const { kind, schema, table, name, sql } = expression;
  const [copy, part] = [`pg_temp.${quoteIdentifier(table)}`, quoteIdentifier(name)];
  const change =
    kind === "check"
      ? `alter table ${copy} add constraint ${part} check (${sql})`
      : `alter table ${copy} drop column ${part}, add column ${part} ${type} generated always as (${sql}) stored`;
  if (!(await isOneStatement(change))) return { written: undefined, refusal: "the file's is no single expression" };
  await client.query("savepoint comparing");
  try {
    await client.query(
      `create temporary table ${quoteIdentifier(table)} (like ${quoteQualified(schema, table)}); ${change}`,
    );
    const { rows } = await client.query<{ written: string }>(
      kind === "check"
        ? `select pg_get_expr(conbin, conrelid) as written from pg_constraint where conrelid = to_regclass($1) and contype = 'c'`
        : `select pg_get_expr(adbin, adrelid) as written from pg_attrdef where adrelid = to_regclass($1)`,
      [copy],
    );
    return { written: rows[0]?.written ?? "" };
  } catch (error) {
    const { sqlState } = toDatabaseError(error, "comparing");
    if (sqlState === undefined || !refusals.has(sqlState.slice(0, 2))) throw error;
    return { written: undefined, refusal: `the server does not take the file's here (SQLSTATE ${sqlState})` };
  } finally {
    await client.query("rollback to savepoint comparing").catch(() => undefined);
  }
}

/** Classes of SQLSTATE: feature not supported, data exception, syntax error or access rule violation. */
const refusals: ReadonlySet<string> = new Set(["0A", "22", "42"]);

/** The file's text stands inside of it, and is to stay there. */
async function isOneStatement(sql: string): Promise<boolean> {
  const outcome = (await loadParser())(sql);
  const [only, ...others] = outcome.ok ? outcome.statements : [];
  return only !== undefined && others.length === 0 && "AlterTableStmt" in only.node;
}
