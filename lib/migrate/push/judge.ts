import type { Node } from "libpg-query";
import { PosternError } from "#lib/base/errors.ts";
import type { Hazard } from "../hazards/hazard.ts";
import { collectNames, readFacts } from "../hazards/read-facts.ts";
import { Scene } from "../hazards/scene.ts";
import { judgeStatement } from "../hazards/statement.ts";
import { partitionFacts } from "../hazards/table.ts";
import type { Queryable } from "../ledger/ledger.ts";
import { findOutsideTransaction } from "../sql/outside-transaction.ts";
import { loadParser, type SqlParser } from "../sql/parser.ts";
import { mayHoldPassword, withoutQuotedWord } from "../sql/passwords.ts";
import { spellOutCascade } from "./emptied.ts";
import { isFingerprinted } from "./fingerprinted.ts";
import type { SchemaDescription } from "./kit/kit-messages.ts";
import { findRepeats, findReplaced, type KitStatement, labelOf, leaveOutTruncates, type Present } from "./needless.ts";
import type { PushedStatement } from "./result.ts";
import { showSql } from "./shown.ts";

export type JudgedStatement = Pick<PushedStatement, "hazards"> & {
  /** To be executed; what is told of it is `shown`. */
  readonly sql: string;
  readonly shown: string;
  /** The same fingerprint before and after proves that it did nothing. */
  readonly isProvable: boolean;
};

export type Judgement = {
  readonly statements: readonly JudgedStatement[];
  /** What drizzle-kit would do although it is done: left out. To be shown. */
  readonly repeated: readonly string[];
  /** Policies that would be created without a condition, as `schema.table.policy`. */
  readonly openPolicies: readonly string[];
  /** What it would do to roles. To be shown. */
  readonly roles: readonly string[];
  /** Tables that would be emptied and that the schema file does not have, with what would be lost. */
  readonly unmanagedData: readonly string[];
  /** Why statements of it cannot run in a transaction. */
  readonly outside: readonly string[];
};

/**
 * Weighs the statements against the catalog as it is now, and against what the statements before each made of it: the
 * hazards that `plan` reports, and not drizzle-kit's `hasDataLoss`, which is false for narrowing a numeric or a timestamp.
 */
export async function judgeStatements(
  client: Queryable,
  texts: readonly string[],
  schema: Pick<SchemaDescription, "tables">,
): Promise<Judgement> {
  const parser = await loadParser();
  const needed = leaveOutTruncates(texts.flatMap((text) => parseStatement(parser, text)));
  const unmanaged = new Set<string>();
  const all: KitStatement[] = [];
  for (const statement of needed) {
    const spelled = await spellOutCascade(client, statement, schema);
    for (const { label, isUnmanaged } of spelled?.emptied ?? []) if (isUnmanaged) unmanaged.add(label);
    all.push(...(spelled === undefined ? [statement] : parseStatement(parser, spelled.sql)));
  }
  const repeated = findRepeats(all, await readPresent(client, findReplaced(all), parser));
  const statements = all.filter((statement) => !repeated.has(statement));
  const facts = await readFacts(client, collectNames(statements.map(({ node }) => node)));
  const scene = new Scene(facts);
  const judged = statements.map(({ sql, node }) => ({
    sql,
    shown: showSql(sql),
    hazards: judgeStatement(node, scene).hazards,
    isProvable: isFingerprinted(node),
  }));
  return {
    statements: judged,
    repeated: [...repeated].map(({ sql }) => showSql(sql)),
    openPolicies: statements.flatMap(({ node }) => findOpenPolicy(node)),
    roles: statements.filter(({ node }) => isAboutRole(node)).map(({ sql }) => showSql(sql)),
    unmanagedData: judged.flatMap(({ hazards }) =>
      hazards
        .filter(({ code, table = "" }) => code === "truncate" && unmanaged.has(table))
        .map(({ table = "", message }) => `${table}: ${message}`),
    ),
    outside: [...findOutsideTransaction(statements, partitionFacts(facts)).values()],
  };
}

function parseStatement(parser: SqlParser, text: string): KitStatement[] {
  const outcome = parser(text);
  if (!outcome.ok) {
    const reason = mayHoldPassword(text) ? withoutQuotedWord(outcome.message) : outcome.message;
    throw new PosternError("push.failed", `drizzle-kit planned what is not SQL: ${reason}\n${showSql(text)}`);
  }
  const bytes = Buffer.from(text);
  return outcome.statements.map(({ node, offset, length }) => ({
    sql: bytes.toString("utf8", offset, offset + length).trim(),
    node,
  }));
}

function isAboutRole(node: Node): boolean {
  if ("RenameStmt" in node) return node.RenameStmt.renameType === "OBJECT_ROLE";
  return ["CreateRoleStmt", "AlterRoleStmt", "AlterRoleSetStmt", "DropRoleStmt"].some((kind) => kind in node);
}

function findOpenPolicy(node: Node): string[] {
  if (!("CreatePolicyStmt" in node)) return [];
  const { policy_name: name = "", table, qual, with_check: check } = node.CreatePolicyStmt;
  return qual === undefined && check === undefined ? [`${labelOf(table)}.${name}`] : [];
}

/** What `--accept-data-loss` is asked for. */
export function findLosses(
  statements: readonly JudgedStatement[],
): readonly { readonly shown: string; readonly hazard: Pick<Hazard, "table" | "message"> }[] {
  return statements.flatMap(({ shown, hazards }) =>
    hazards.filter(({ destructive }) => destructive).map((hazard) => ({ shown, hazard })),
  );
}

/** The constraints of these names, and the cache of every identity column, as ALTER TABLE would make them. */
async function readPresent(client: Queryable, names: readonly string[], parser: SqlParser): Promise<Present[]> {
  const { rows } = await client.query<{ sql: string }>(
    `select format('alter table %I.%I add constraint %I %s', n.nspname, c.relname, k.conname,
                   pg_get_constraintdef(k.oid)) as sql
     from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
     where k.conname = any($1)
     union all
     select format('alter table %I.%I alter column %I set cache %s', n.nspname, c.relname, a.attname, q.seqcache)
     from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.refobjsubid = a.attnum
       and d.classid = 'pg_class'::regclass and d.deptype = 'i'
     join pg_sequence q on q.seqrelid = d.objid
     where a.attidentity <> ''`,
    [names],
  );
  return rows.flatMap(({ sql }) => parseStatement(parser, sql));
}
