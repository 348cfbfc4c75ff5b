import { PosternError, toPosternError } from "#lib/base/errors.ts";

/** Some deploy tools show a failure on one line, and keep it. */
const maxLength = 1500;

/**
 * SQLSTATE classes whose messages may quote a row: 22 data_exception (`invalid input syntax for type integer: "…"`) and P0, which
 * RAISE EXCEPTION writes as it likes.
 */
const quotesRows = /^(?:22|P0)/u;

/** The place ahead of the server's words, as `markPosition` writes it. */
const place = /^[^\n]*?\.sql(?::\d+:\d+)?(?=: )/u;

/**
 * What whoever deploys is told: the code, what happened on one line, and what to do. Unlike on a terminal, which the person at it
 * reads, in a deploy's output no values of rows are shown, and no excerpt of the file.
 *
 * The error has no cause and no stack: both would be printed.
 */
export function describeDeployFailure(error: unknown): Error {
  const { code, message, hint, sqlState } = toPosternError(error);
  const told = sqlState !== undefined && quotesRows.test(sqlState) ? withoutServerWords(message, sqlState) : message;
  const line = (told.split("\n", 1)[0] ?? "").trim();
  const state = sqlState === undefined || line.includes(sqlState) ? "" : ` (SQLSTATE ${sqlState})`;
  const failure = new Error(`${code}: ${line.slice(0, maxLength)}${state}${hint === undefined ? "" : ` ${hint}`}`);
  failure.name = "DeployFailed";
  failure.stack = "";
  return failure;
}

function withoutServerWords(message: string, sqlState: string): string {
  const where = place.exec(message)?.[0] ?? "A statement";
  return `${where}: refused by the server with SQLSTATE ${sqlState}; its words are left out here, for they may quote a row.`;
}

/** The time of the function is over, or too little of it is left to begin anything. */
export function unfinished(what: string, stage: string, cause?: unknown): PosternError {
  return new PosternError("deploy.unfinished", what, {
    cause,
    hint: `Deploy again: it goes on where this one stopped. What takes longer than the function has runs as a long-run task: \`postern migrate --stage ${stage} --long-run\`, then deploy.`,
  });
}
