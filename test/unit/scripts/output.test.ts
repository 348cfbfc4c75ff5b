import { expect, test } from "vitest";
import { createOutput } from "../../../scripts/output.ts";
import { alignColumns } from "../../../scripts/style.ts";

function capture({ json = false, isTTY = false, env = {} } = {}) {
  const written = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof written) => ({
    isTTY,
    columns: 20,
    write: (text: string) => {
      written[name] += text;
    },
  });
  return { written, output: createOutput({ json, env, stdout: stream("stdout"), stderr: stream("stderr") }) };
}

/** Without the colours. */
// oxlint-disable-next-line no-control-regex -- an escape sequence begins with one
const plain = (text: string) => text.replaceAll(/\u001b\[\d{1,2}m/gu, "");

const error = { code: "tcp.refused", message: "refused", hint: "look" } as const;

test("progress goes to stderr, the result to stdout", () => {
  const { output, written } = capture();
  output.note("working");
  output.result({ n: 1 }, ({ n }) => `${n} done`);
  expect(written).toEqual({ stdout: "1 done\n", stderr: "working\n" });
});

test("with --json a result and an error are one document on stdout", () => {
  const withResult = capture({ json: true, isTTY: true });
  withResult.output.result({ n: 1 }, () => "text");
  expect(JSON.parse(withResult.written.stdout)).toEqual({ n: 1 });

  const withError = capture({ json: true, isTTY: true });
  withError.output.error(error);
  expect(JSON.parse(withError.written.stdout)).toEqual({ error });
  expect(withError.written.stderr).toBe("");
});

test.each([
  [{ isTTY: true }, true],
  [{ isTTY: false }, false],
  [{ isTTY: true, env: { NO_COLOR: "1" } }, false],
  [{ isTTY: true, env: { NO_COLOR: "" } }, true],
  [{ isTTY: true, env: { TERM: "dumb" } }, false],
])("colour with %j: %s", (options, isColoured) => {
  const { output, written } = capture(options);
  output.error(error);
  expect(written.stderr.includes("\u001B[")).toBe(isColoured);
  expect(written.stderr).toContain("tcp.refused");
});

test("a status line stays below what is written, and is cut to the terminal's width", () => {
  const { output, written } = capture({ isTTY: true, env: { NO_COLOR: "1" } });
  output.status("up");
  output.note("note");
  output.status("a line that is longer than the terminal");
  output.status("");
  const erase = "\r\u001B[2K";
  expect(written.stderr).toBe(`up${erase}note\nup${erase}a line that is long${erase}`);
});

test.each([{ isTTY: false }, { isTTY: true, json: true }, { isTTY: true, env: { TERM: "dumb" } }])(
  "there is no status line with %j",
  (options) => {
    const { output, written } = capture(options);
    output.status("up");
    expect(written).toEqual({ stdout: "", stderr: "" });
  },
);

test("with --json each event is a line on stdout, and so is the error after them", () => {
  const { output, written } = capture({ json: true });
  output.startEvents();
  output.event({ event: "up" }, () => "text");
  output.error(error);
  expect(
    written.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([{ event: "up" }, { error }]);
});

test("without --json an event is progress, if it says anything", () => {
  const { output, written } = capture();
  output.event({ event: "up" }, ({ event }) => `it is ${event}`);
  output.event({ event: "up" }, () => undefined);
  expect(written).toEqual({ stdout: "", stderr: "it is up\n" });
});

test("columns align, numbers to the right", () => {
  const rows = [
    ["table", "rows"],
    ["orders", 7],
    ["x", 1234],
  ];
  expect(alignColumns(rows)).toEqual(["table   rows", "orders     7", "x       1234"]);
});

test("a stranger's text cannot steer the terminal, nor pass for another line of ours", () => {
  const hostile = "tag\u001b[31m\u0007\u009b2J\rerror fake\nerror fake";
  const { output, written } = capture({ isTTY: true });
  output.note(hostile);
  output.result({}, (_, style) => style.good(hostile));
  output.error({ code: "tcp.refused", message: hostile });
  const sent = `${written.stdout}${written.stderr}`;
  // oxlint-disable-next-line no-control-regex -- these are what it is about
  expect(plain(sent)).not.toMatch(/[\0-\u0008\u000b-\u001f\u007f-\u009f]/u);
  expect(written.stdout).toContain("\\x07");
  expect(
    plain(written.stderr)
      .split("\n")
      .filter((line) => line.startsWith("error")).length,
  ).toBe(1);
});
