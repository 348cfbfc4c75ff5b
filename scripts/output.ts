import type { ErrorDocument } from "#lib/base/errors.ts";
import { type Style, createStyle, plainStyle } from "./style.ts";

/** Where a verb prints: data on stdout, everything else on stderr. */
export interface Output {
  /** True with `--json`: stdout carries one document and nothing else. */
  readonly json: boolean;
  /** Progress, for people: a line on stderr. */
  note(line: string): void;
  /** The state at this moment: one line that replaces the last one, on a terminal's stderr only; "" takes it away. */
  status(line: string): void;
  /** From here on stdout is one document a line (NDJSON) with `--json`, an error included. */
  startEvents(): void;
  /** Something that happened: a line on stdout with `--json`, else what `describe` makes of it on stderr, if anything. */
  event<Document>(document: Document, describe: (document: Document) => string | undefined): void;
  /**
   * The result: `document` with `--json`, else what `describe` makes of it, coloured where stdout is a terminal, whose width
   * it is told; without one, a line may be as long as it is.
   */
  result<Document>(document: Document, describe: (document: Document, style: Style, columns: number) => string): void;
  /** The error that ends the program: on stdout with `--json`, else on stderr. */
  error(error: ErrorDocument): void;
}

type OutputStream = { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };

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
  const line = createStatusLine(stderr, !json && stderr.isTTY === true && env["TERM"] !== "dumb");
  let indent: number | undefined = 2;

  const note = (text: string) => {
    line.around(() => stderr.write(`${indented(text)}\n`));
  };
  const print = (document: unknown) => stdout.write(`${JSON.stringify(document, undefined, indent)}\n`);
  return {
    json,
    note,
    status: line.show,
    startEvents: () => {
      indent = undefined;
    },
    event: (document, describe) => {
      const text = json ? undefined : describe(document);
      if (json) print(document);
      else if (text !== undefined) note(text);
    },
    result: (document, describe) => {
      if (json) print(document);
      else line.around(() => stdout.write(`${keepColours(describe(document, style, columnsOf(stdout)))}\n`));
    },
    error: (error) => {
      line.show("");
      if (json) print({ error });
      else stderr.write(`${describeError(error, errorStyle)}\n`);
    },
  };
}

function columnsOf({ isTTY, columns = 0 }: OutputStream): number {
  if (isTTY !== true) return Number.POSITIVE_INFINITY;
  // A terminal that was told no size says 0.
  return columns === 0 ? 80 : columns;
}

/** Takes a line of the terminal away: to its first column, and erase it (ECMA-48 EL). */
const eraseLine = "\r\u001b[2K";

/** A line that stays the last one: what is written meanwhile goes above it. */
function createStatusLine(stream: OutputStream, isLive: boolean) {
  let shown = "";
  const draw = () => {
    if (shown !== "") stream.write(shown);
  };
  const erase = () => {
    if (shown !== "") stream.write(eraseLine);
  };
  return {
    show: (text: string) => {
      if (!isLive) return;
      erase();
      // A line that wraps could not be taken away again.
      shown = Array.from(printable(text).replaceAll("\n", " "))
        .slice(0, columnsOf(stream) - 1)
        .join("");
      draw();
    },
    around: (write: () => void) => {
      erase();
      write();
      draw();
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
