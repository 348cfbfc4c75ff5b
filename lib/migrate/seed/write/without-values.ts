import { sqlStateOf } from "#lib/postgres/errors.ts";

/** Data exception, integrity constraint violation, WITH CHECK OPTION, raised by a function. */
const dataFaultClasses: ReadonlySet<string> = new Set(["22", "23", "44", "P0"]);

/** The rows are at fault, not the connection or the role. */
export function isDataFault(error: unknown): boolean {
  return dataFaultClasses.has(classOf(error)) || isRaised(error);
}

/**
 * The server's message without the value that it is about, and with its constraint. A data exception (class 22) quotes it:
 * `…for type integer: "4111"`, `value "4111" is out of range…`. What a function raises is its author's text, whatever its code: of
 * that the numbers, what is in quotes, and each of the values given are hidden.
 *
 * @param values of the row or statement
 */
export function messageWithoutValues(error: unknown, values: readonly (string | null)[]): string {
  const message = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
  const constraint = (error as { readonly constraint?: unknown }).constraint;
  const told = hideValues(message, error, values);
  const isNamed = typeof constraint !== "string" || told.includes(constraint);
  return isNamed ? told : `${told} (constraint "${constraint}")`;
}

function hideValues(message: string, error: unknown, values: readonly (string | null)[]): string {
  if (!isAuthors(error)) {
    return classOf(error) === "22" ? message.replace(/: ".*$/s, "").replace(/".*"/s, hidden) : message;
  }
  // One character is found everywhere, and tells nothing.
  const long = values
    .filter((value) => value !== null && value.length > 1)
    .toSorted((a, b) => lengthOf(b) - lengthOf(a));
  const without = long.reduce<string>((text, value) => text.replaceAll(value ?? "", () => hidden), message);
  return without.replaceAll(/"[^"]*"|'[^']*'|\d[\d.,:_-]*/gu, hidden);
}

const hidden = "…";

/** Whether the message is some function's own text. Of constraints the server names table, column, type or constraint beside it. */
function isAuthors(error: unknown): boolean {
  const errorClass = classOf(error);
  if (errorClass === "P0" || isRaised(error)) return true;
  if (errorClass !== "23" && errorClass !== "44") return false;
  const { table, column, dataType, constraint, routine } = error as ServerFields;
  const isNamed = [table, column, dataType, constraint].some((name) => name !== undefined);
  return !isNamed && routine !== "ExecWithCheckOptions";
}

type ServerFields = {
  readonly [Field in "table" | "column" | "dataType" | "constraint" | "routine"]?: string | undefined;
};

/** By RAISE of PL/pgSQL, which may use any SQLSTATE and name any constraint: the server tells its own function that reports it. */
function isRaised(error: unknown): boolean {
  return (error as ServerFields | undefined)?.routine === "exec_stmt_raise";
}

function lengthOf(text: string | null): number {
  return text?.length ?? 0;
}

function classOf(error: unknown): string {
  return sqlStateOf(error)?.slice(0, 2) ?? "";
}
