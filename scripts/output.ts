import type { ErrorDocument } from "#lib/base/errors.ts";
import { type Style, createStyle, plainStyle } from "./style.ts";

/** Where a verb prints: data on stdout, everything else on stderr. */
export interface Output {
  /** True with `--json`: stdout carries one document and nothing else. */
  readonly json: boolean;
  /** Progress, for people: a line on stderr. */
  note(line: string): void;
  /** The result: `document` with `--json`, else what `describe` makes of it, coloured where stdout is a terminal. */
  result<Document>(document: Document, describe: (document: Document, style: Style) => string): void;
  /** The error that ends the program: on stdout with `--json`, else on stderr. */
  error(error: ErrorDocument): void;
}

type OutputStream = { readonly isTTY?: boolean; write(text: string): unknown };

export type OutputOptions = {
  readonly json: boolean;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
};

export function createOutput({ json, stdout, stderr, env }: OutputOptions): Output {
  const allowsColour = !json && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  const styleFor = (stream: OutputStream): Style =>
    allowsColour && stream.isTTY === true ? createStyle() : plainStyle;
  const style = styleFor(stdout);
  const errorStyle = styleFor(stderr);

  return {
    json,
    note: (line) => {
      stderr.write(`${line}\n`);
    },
    result: (document, describe) => {
      stdout.write(json ? `${JSON.stringify(document, undefined, 2)}\n` : `${describe(document, style)}\n`);
    },
    error: (error) => {
      if (json) stdout.write(`${JSON.stringify({ error }, undefined, 2)}\n`);
      else stderr.write(`${describeError(error, errorStyle)}\n`);
    },
  };
}

function describeError(error: ErrorDocument, style: Style): string {
  const code = error.sqlState === undefined ? error.code : `${error.code}, SQLSTATE ${error.sqlState}`;
  // Further lines are an excerpt with a caret below it.
  const [message = "", ...excerpt] = error.message.split("\n");
  const headline = [`${style.bad("error")} ${message} ${style.dim(`[${code}]`)}`, ...excerpt].join("\n");
  return error.hint === undefined ? headline : `${headline}\n${style.dim("hint")}  ${error.hint}`;
}
