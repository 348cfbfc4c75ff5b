import { type ErrorCode, PosternError, toPosternError } from "#lib/base/errors.ts";
import { withoutModuleWords } from "../seed/format/module-words.ts";

/** Some deploy tools show a failure on one line, and keep it. */
const maxLength = 1500;

/**
 * SQLSTATE classes whose messages name things of the schema and the server alone: 0A feature_not_supported, 25 and 2D
 * transactions, 2B dependent objects, 3D, 3F and 42 names, syntax and access, 40 rollback, 53 to 58 resources and limits. Others may
 * quote a row (22: `invalid input syntax for type integer: "…"`), and RAISE writes what it likes under P0 or a code of its choice,
 * of which constraints (23) are the usual one.
 */
const namesOnly = /^(?:0A|25|2B|2D|3D|3F|40|42|53|54|55|57|58)/u;

/**
 * The place ahead of the server's words: of a SQL file with line and column, behind the migration and its statement
 * (`describeFailure`); of a seed set's other files with line or row, and table and column (`writeBatch`). From the first character
 * on, for the server's words may look like a place, too.
 */
const place = new RegExp(
  [
    /^(?:[^\s:]+, (?:statement \d+ of \d+|while [a-z]+(?: it)?): )?[^\s:]+\.sql(?::\d+:\d+)?(?:, when it was committed)?(?=: )/u,
    /^[\w-]+\/\d+-[^\s:]+ (?:line|row)s? \d+(?: to \d+)?, table [^:\n]+(?=: )/u,
  ]
    .map(({ source }) => source)
    .join("|"),
  "u",
);

/**
 * What whoever deploys is told: the code, what happened on one line, and what to do. Unlike on a terminal, which the person at it
 * reads, in a deploy's output no values of rows are shown, and no excerpt of the file.
 *
 * The error has no cause and no stack: both would be printed.
 */
export function describeDeployFailure(error: unknown): Error {
  const { code, message, hint, sqlState } = toPosternError(error);
  const told = sqlState === undefined ? withoutOthersWords(code, message) : withoutServerWords(message, sqlState);
  const line = (told.split("\n", 1)[0] ?? "").trim();
  const state = sqlState === undefined || line.includes(sqlState) ? "" : ` (SQLSTATE ${sqlState})`;
  const failure = new Error(`${code}: ${line.slice(0, maxLength)}${state}${hint === undefined ? "" : ` ${hint}`}`);
  failure.name = "DeployFailed";
  failure.stack = "";
  return failure;
}

/** Without the server it is Postern that speaks, and shows no values; but for what a seed module says. */
function withoutOthersWords(code: ErrorCode, message: string): string {
  return code.startsWith("seed.") ? withoutModuleWords(message) : message;
}

function withoutServerWords(message: string, sqlState: string): string {
  if (namesOnly.test(sqlState)) return message;
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
