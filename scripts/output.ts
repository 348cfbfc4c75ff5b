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
      stderr.write(`${indented(line)}\n`);
    },
    result: (document, describe) => {
      stdout.write(
        json ? `${JSON.stringify(document, undefined, 2)}\n` : `${keepColours(describe(document, style))}\n`,
      );
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
  const [message = "", ...excerpt] = indented(error.message).split("\n");
  const headline = [`${style.bad("error")} ${message} ${style.dim(`[${code}]`)}`, ...excerpt].join("\n");
  return error.hint === undefined ? headline : `${headline}\n${style.dim("hint")}  ${indented(error.hint)}`;
}

/** A message of several lines stays one message: no line of it can pass for another error. */
function indented(text: string): string {
  return printable(text).replaceAll("\n", "\n      ");
}

/**
 * Names, server messages and file contents are strangers' texts: what would steer the terminal is shown instead of sent.
 * Line feeds and tabs stay.
 */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what it is about
  return text.replaceAll(/[\0-\u0008\u000b-\u001f\u007f-\u009f]/gu, (character) => {
    return `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}`;
  });
}

/** As `printable`, but the colours of `style.ts` pass. */
function keepColours(text: string): string {
  return (
    text
      // oxlint-disable-next-line no-control-regex -- an escape sequence begins with one
      .split(/(\u001b\[\d{1,2}m)/u)
      .map((piece, index) => (index % 2 === 1 ? piece : printable(piece)))
      .join("")
  );
}
