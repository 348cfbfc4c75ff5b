import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { generateDrizzleJson, pushSchema } from "drizzle-kit/api";
import { getTableColumns, is, type SQL } from "drizzle-orm";
import { toSnakeCase } from "drizzle-orm/casing";
import { getTableConfig, PgTable } from "drizzle-orm/pg-core";
import { quoteIdentifier, quoteLiteral } from "#lib/postgres/quote.ts";
import type { Expression, KitReply, KitRequest, QueryRow, SchemaDescription } from "./kit-messages.ts";

/**
 * The thread that drizzle-kit and the schema file run in; `kit.ts` starts it and says why it is one. It has no connection:
 * each query is sent to the other thread, which runs it inside the push's transaction.
 */
const port = parentPort as MessagePort;
const { schemaFile } = workerData as { readonly schemaFile: string };

/** The last thing that drizzle-kit told the terminal: the only place where it says which question comes next. */
let lastSaid = "";
globalThis.console.log = (...said: readonly unknown[]) => {
  lastSaid = said.join(" ");
};
// It logs the question that it could not ask, with its stack; the reply says it better.
globalThis.console.error = () => {};

const loading = loadSchema();
// Told in the answer to the first request, which may come later.
loading.catch(() => undefined);
port.on("message", (request: KitRequest) => {
  if (request.type !== "rows") void answer(request);
});

async function answer(request: Exclude<KitRequest, { type: "rows" }>): Promise<void> {
  try {
    const schema = await loading;
    if (request.type === "describe") reply({ type: "described", schema: describe(schema) });
    else reply(await plan(schema, request.schemas));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    reply({ type: "failed", while: request.type === "describe" ? "loading" : "planning", message });
  }
}

type Exports = Readonly<Record<string, unknown>>;

async function loadSchema(): Promise<Exports> {
  return { ...(await import(schemaFile)) } as Exports;
}

const labels = (things: Readonly<Record<string, Named>>) => Object.values(things).map((thing) => labelOf(thing));

type Named = { readonly schema?: string; readonly name: string };
type Policy = Named & { readonly using?: string; readonly withCheck?: string };
type Table = Named & {
  readonly columns: Readonly<Record<string, Named & { readonly generated?: { readonly as: string } }>>;
  readonly checkConstraints: Readonly<Record<string, Named & { readonly value: string }>>;
  readonly policies: Readonly<Record<string, Policy>>;
};

/** What is used of drizzle-kit's snapshot, whose own type needs a package that it does not bring. */
type Snapshot = {
  readonly tables: Readonly<Record<string, Table>>;
  readonly views: Readonly<Record<string, Named>>;
  readonly enums: Readonly<Record<string, Named>>;
  readonly sequences: Readonly<Record<string, Named>>;
  /** By name. */
  readonly schemas: Readonly<Record<string, string>>;
};

function describe(exports: Exports): SchemaDescription {
  // The ids are random.
  const snapshot = { ...(generateDrizzleJson(exports) as Snapshot), id: "", prevId: "" };
  const { tables, views, enums, sequences, schemas } = snapshot;
  const inUse = [tables, views, enums, sequences].flatMap((things: Readonly<Record<string, Named>>) =>
    Object.values(things).map(({ schema }) => homeOf(schema)),
  );
  return {
    tables: Object.fromEntries(
      Object.values(tables).map((table) => [labelOf(table), Object.values(table.columns).map(({ name }) => name)]),
    ),
    views: labels(views),
    enums: labels(enums),
    sequences: labels(sequences),
    schemas: [...new Set([...inUse, ...Object.keys(schemas)])].toSorted(),
    conditionalPolicies: Object.values(tables).flatMap((table) =>
      Object.values(table.policies)
        .filter(({ using, withCheck }) => using !== undefined || withCheck !== undefined)
        .map(({ name }) => `${labelOf(table)}.${name}`),
    ),
    expressions: Object.values(tables).flatMap((table) => expressionsOf(table)),
    namedByKey: findNamedByKey(exports),
    hash: createHash("sha256")
      .update(JSON.stringify(sortKeys(snapshot)))
      .digest("hex"),
  };
}

function expressionsOf({ schema: home, name: table, checkConstraints, columns }: Table): Expression[] {
  const schema = homeOf(home);
  const qualified = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}.`;
  const within = (text: string) => text.replaceAll(qualified, () => `${quoteIdentifier(table)}.`);
  const checks = Object.values(checkConstraints).map(({ name, value }) => {
    return { kind: "check", schema, table, name, sql: within(value) } as const;
  });
  const generated = Object.values(columns).flatMap(({ name, generated: by }) =>
    by === undefined ? [] : [{ kind: "generated", schema, table, name, sql: within(by.as) } as const],
  );
  return [...checks, ...generated];
}

function findNamedByKey(exports: Exports): string[] {
  const tables = Object.values(exports).filter((value): value is PgTable => is(value, PgTable));
  return tables.flatMap((table) =>
    Object.values(getTableColumns(table))
      .filter(({ keyAsName, name }) => keyAsName && toSnakeCase(name) !== name)
      .map(({ name }) => `${labelOf(getTableConfig(table))}.${name}`),
  );
}

/**
 * Asks drizzle-kit for its statements. Before a unique constraint on a table with rows it wants to ask whether to empty the
 * table first. The answer is no: it is asked again and told at that place that the table has no rows, which leads it to the
 * same statements without the question.
 */
async function plan(exports: Exports, schemas: readonly string[]): Promise<KitReply> {
  const managed = new Managed(describe(exports));
  const toldEmpty = new Set<number>();
  for (;;) {
    let counts = 0;
    lastSaid = "";
    const execute = async (statement: SQL) => {
      const text = withPartitioned(withParameters(textOf(statement)));
      const counted = countedTable(text);
      if (counted === undefined) return { rows: managed.filter(await query(text)) };
      counts += 1;
      if (toldEmpty.has(counts)) return { rows: [{ count: "0" }] };
      // Whether there are any is all that it wants to know, and counting reads the whole table.
      return { rows: await query(`select count(*) as count from (select from ${counted} limit 1) as any_row`) };
    };
    try {
      const database = { execute } as unknown as Parameters<typeof pushSchema>[1];
      const { statementsToExecute } = await pushSchema({ ...exports }, database, [...schemas]);
      return { type: "planned", statements: statementsToExecute };
    } catch (error) {
      if (!isQuestion(error)) throw error;
      if (!/unique constraint to the table/u.test(lastSaid) || toldEmpty.has(counts)) return { type: "question" };
      toldEmpty.add(counts);
    }
  }
}

/** As hanji, its prompt library, refuses to ask without a terminal; a thread never has one. */
function isQuestion(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("Interactive prompts require a TTY");
}

/** `sql.raw(text)`, which is all that drizzle-kit sends. */
function textOf({ queryChunks: [chunk] }: SQL): string {
  return String((chunk as { readonly value: readonly string[] }).value[0]);
}

/** The table whose constraints were asked for last, in this chain of calls: drizzle-kit looks at all tables at once. */
const lookedAt = new AsyncLocalStorage<{ readonly schema: string; readonly table: string }>();

/**
 * Asked for the name of a primary key of several columns, `pushSchema` sends the query and loses its two parameters: it could
 * push no schema that has such a key. They are the table that the calls before it were about.
 */
function withParameters(text: string): string {
  const [, table, schema] = /tc\.table_name = '([^']*)' and constraint_schema = '([^']*)'/u.exec(text) ?? [];
  if (table !== undefined && schema !== undefined) lookedAt.enterWith({ schema, table });
  const known = lookedAt.getStore();
  if (known === undefined || !/connamespace = \$1::regnamespace\s+AND\s+pg_class\.relname = \$2/u.test(text))
    return text;
  return text
    .replace("$1::regnamespace", () => `to_regnamespace(${quoteLiteral(quoteIdentifier(known.schema))})`)
    .replace("$2", () => quoteLiteral(known.table));
}

/**
 * `pushSchema` sees no partitioned table, and would create one that the file has anew; it takes what the server adds to a foreign
 * key for each partition of the table referred to for foreign keys of its own, and would drop them.
 */
function withPartitioned(text: string): string {
  return text
    .replace("WHEN c.relkind = 'r' THEN 'table'", "WHEN c.relkind IN ('r', 'p') THEN 'table'")
    .replace("c.relkind IN ('r', 'v', 'm')", "c.relkind IN ('r', 'p', 'v', 'm')")
    .replace("cls.relkind IN ('r', 'v', 'm')", "cls.relkind IN ('r', 'p', 'v', 'm')")
    .replace("pg_stat_user_indexes idx", `(${indexesOfAll}) idx`)
    .replace("con.contype IN ('f')", "con.contype IN ('f') AND con.conparentid = 0");
}

/** As `pg_stat_user_indexes`, which leaves those of partitioned tables out. */
const indexesOfAll = `select i.indexrelid, ic.relname as indexrelname, tc.relname, n.nspname as schemaname
  from pg_index i join pg_class ic on ic.oid = i.indexrelid join pg_class tc on tc.oid = i.indrelid
  join pg_namespace n on n.oid = tc.relnamespace`;

function countedTable(text: string): string | undefined {
  return /^select count\(\*\) as count from ((?:"[^"]+"\.)?"[^"]+")$/u.exec(text)?.[1];
}

/**
 * Hides from drizzle-kit the tables, views, types and sequences that the file does not know: it would drop them, or ask
 * whether one of them is now called something else.
 */
class Managed {
  readonly #relations: ReadonlySet<string>;
  readonly #enums: ReadonlySet<string>;
  readonly #sequences: ReadonlySet<string>;

  constructor({ tables, views, enums, sequences }: SchemaDescription) {
    this.#relations = new Set([...Object.keys(tables), ...views]);
    this.#enums = new Set(enums);
    this.#sequences = new Set(sequences);
  }

  filter(rows: readonly QueryRow[]): QueryRow[] {
    return rows.filter((row) => {
      if ("sequencename" in row) return this.#sequences.has(labelIn(row, "schemaname", "sequencename"));
      if ("enum_value" in row) return this.#enums.has(labelIn(row, "enum_schema", "enum_name"));
      if ("rls_enabled" in row) return this.#relations.has(labelIn(row, "table_schema", "table_name"));
      return true;
    });
  }
}

function labelIn(row: QueryRow, schema: string, name: string): string {
  return `${String(row[schema])}.${String(row[name])}`;
}

let queries: Promise<unknown> = Promise.resolve();

/** One after the other: the connection takes one at a time, and drizzle-kit sends those of all tables at once. */
async function query(sql: string): Promise<readonly QueryRow[]> {
  const next = queries.then(async () => {
    reply({ type: "query", sql });
    const [message] = (await once(port, "message")) as [KitRequest];
    return message.type === "rows" ? message.rows : [];
  });
  queries = next;
  return await next;
}

function reply(message: KitReply): void {
  port.postMessage(message);
}

function homeOf(schema: string | undefined): string {
  return schema === undefined || schema === "" ? "public" : schema;
}

function labelOf({ schema, name }: { readonly schema?: string | undefined; readonly name: string }): string {
  return `${homeOf(schema)}.${name}`;
}

/** The order in which things are exported means nothing. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((inner: unknown) => sortKeys(inner));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]: [string, unknown]) => [key, sortKeys(inner)]));
}
