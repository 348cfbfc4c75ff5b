import { setFlagsFromString } from "node:v8";
import type { Node } from "libpg-query";

/** One statement as PostgreSQL's grammar sees it. */
export type RawStatement = {
  readonly node: Node;
  /** In bytes of the UTF-8 text; comments and space before the statement, and its semicolon, are not in it. */
  readonly offset: number;
  readonly length: number;
};

export type ParseOutcome =
  | { readonly ok: true; readonly statements: readonly RawStatement[] }
  /** `position` counts code points from 0, as the server counts characters in a UTF-8 database. */
  | { readonly ok: false; readonly message: string; readonly position: number };

/** Text to statements, by the grammar of PostgreSQL 18. Pure once it is loaded. */
export type SqlParser = (text: string) => ParseOutcome;

let loading: Promise<SqlParser> | undefined;

/**
 * Loads PostgreSQL's own parser (libpg_query as WebAssembly, 1.7 MB), once per process and only where SQL is read:
 * it costs about 20 ms, which a function that only looks at a ledger does not pay.
 */
export async function loadParser(): Promise<SqlParser> {
  return await (loading ??= load());
}

/**
 * Lets V8 optimise function 0 of a module, which is an import, and so none: it stays with the code of its first compiler.
 * The optimising one takes half a gigabyte for the grammar's one huge function (770 MiB in all against 230 for a file of
 * 3.6 MB, seen with Node 24.21), and parses no faster.
 */
const noOptimising = "--wasm-tier-up-filter=0";

async function load(): Promise<SqlParser> {
  setFlagsFromString(noOptimising);
  const { loadModule, parseSync, hasSqlDetails } = await import("libpg-query");
  await loadModule();
  return (text) => {
    try {
      const { stmts = [] } = parseSync(text);
      return { ok: true, statements: toStatements(stmts, Buffer.byteLength(text)) };
    } catch (error) {
      if (hasSqlDetails(error)) {
        return { ok: false, message: error.message, position: error.sqlDetails?.cursorPosition ?? 0 };
      }
      // V8 stops WebAssembly that recurses too deep; the server has its own limit (54001, stack depth).
      if (error instanceof RangeError) return { ok: false, message: "the SQL is nested too deeply", position: 0 };
      throw error;
    }
  };
}

type ParsedStatements = readonly { stmt?: Node; stmt_location?: number; stmt_len?: number }[];

/** Protocol buffers leave out zeros: no location is the start, no length is up to the end. */
function toStatements(stmts: ParsedStatements, end: number): RawStatement[] {
  return stmts.flatMap(({ stmt, stmt_location: offset = 0, stmt_len: length = end - offset }) =>
    stmt === undefined ? [] : [{ node: stmt, offset, length }],
  );
}
