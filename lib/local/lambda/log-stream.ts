import type { Readable } from "node:stream";

/** What the stand-in for the native client writes before each `next`. */
const mark = "\0next\0";
const maxLineLength = 256 * 1024;

export type LogStream = {
  /** Resolves when everything is read that was written before the `count`-th `next`. */
  reached(count: number): Promise<void>;
};

/** Splits one output of an environment into lines, and counts the marks between them. */
export function readLogStream(stream: Readable, onLine: (line: string) => void): LogStream {
  const waiting = new Map<number, () => void>();
  let marks = 0;
  let rest = "";

  function take(text: string): void {
    const pieces = (rest + text).split(mark);
    // Whatever follows the last mark may be the beginning of a line, or of a mark.
    rest = pieces.pop() ?? "";
    for (const piece of pieces) {
      emitLines(piece, onLine);
      marks += 1;
      waiting.get(marks)?.();
      waiting.delete(marks);
    }
    const lineEnd = rest.lastIndexOf("\n") + 1;
    const cut = lineEnd === 0 && rest.length > maxLineLength ? rest.length - mark.length : lineEnd;
    emitLines(rest.slice(0, cut), onLine);
    rest = rest.slice(cut);
  }

  stream.setEncoding("utf8");
  stream.on("data", take);
  stream.on("close", () => {
    emitLines(rest, onLine);
    rest = "";
  });
  stream.on("error", () => {});

  return {
    reached: (count) =>
      marks >= count ? Promise.resolve() : new Promise((resolve) => void waiting.set(count, resolve)),
  };
}

function emitLines(text: string, onLine: (line: string) => void): void {
  if (text === "") return;
  const lines = text.endsWith("\n") ? text.slice(0, -1) : text;
  // The runtime client writes a message of several lines with \r between them, so that it stays one record.
  for (const line of lines.split("\n")) onLine(line.replaceAll("\r", "\n"));
}
