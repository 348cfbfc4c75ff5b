import type { Node } from "libpg-query";
import { PosternError } from "#lib/base/errors.ts";
import type { Migration } from "../folder/source.ts";
import type { Statement } from "./parse-migration.ts";
import type { SqlParser } from "./parser.ts";
import { markPosition } from "./position.ts";

/**
 * What parses and still has no place in a migration: the runner opens and ends the transactions, and nobody is there to
 * send rows to `COPY … FROM STDIN`.
 */
export function refuseUnfit({ node, offset }: Pick<Statement, "node" | "offset">, { file, text }: Migration): void {
  if ("TransactionStmt" in node) {
    const verb = transactionVerbs[node.TransactionStmt.kind ?? "TRANS_STMT_BEGIN"];
    throw new PosternError(
      "migrations.transaction-control",
      markPosition(
        file,
        text,
        offset,
        `${verb} has no place in a migration: the runner opens and ends the transactions.`,
      ),
    );
  }
  if (isCopyFromStdin(node)) {
    throw new PosternError("migrations.client-command", markPosition(file, text, offset, noRows));
  }
}

const noRows = "COPY … FROM STDIN needs a client that sends the rows, and the runner sends none.";

const transactionVerbs = {
  TRANS_STMT_BEGIN: "BEGIN",
  TRANS_STMT_START: "START TRANSACTION",
  TRANS_STMT_COMMIT: "COMMIT",
  TRANS_STMT_ROLLBACK: "ROLLBACK",
  TRANS_STMT_SAVEPOINT: "SAVEPOINT",
  TRANS_STMT_RELEASE: "RELEASE SAVEPOINT",
  TRANS_STMT_ROLLBACK_TO: "ROLLBACK TO SAVEPOINT",
  TRANS_STMT_PREPARE: "PREPARE TRANSACTION",
  TRANS_STMT_COMMIT_PREPARED: "COMMIT PREPARED",
  TRANS_STMT_ROLLBACK_PREPARED: "ROLLBACK PREPARED",
} as const;

/**
 * Explains a syntax error that comes from a file written for psql: a backslash command, or rows behind a COPY.
 *
 * @param start where the part that was parsed starts in `text`
 * @param at where the parser stopped
 */
export function describeClientCommand(
  parser: SqlParser,
  text: string,
  start: number,
  at: number,
): { readonly at: number; readonly message: string } | undefined {
  const before = text.slice(start, at);
  // The rows of a COPY may themselves start with a backslash (`\N`, `\.`), so this is asked first.
  const semicolon = before.lastIndexOf(";");
  const outcome = semicolon === -1 ? undefined : parser(before.slice(0, semicolon + 1));
  const last = outcome?.ok === true ? outcome.statements.at(-1) : undefined;
  if (last !== undefined && isCopyFromStdin(last.node)) return { at, message: noRows };
  if (text[at] !== "\\") return undefined;
  const command = /^\\\S*/u.exec(text.slice(at, at + 40))?.[0] ?? "\\";
  return { at, message: `${command} is a command of psql, which only psql understands.` };
}

function isCopyFromStdin(node: Node): boolean {
  if (!("CopyStmt" in node)) return false;
  const { is_from: isFrom, filename } = node.CopyStmt;
  return isFrom === true && filename === undefined;
}
