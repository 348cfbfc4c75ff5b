import { expect, test } from "vitest";
import { createOutput } from "../../../scripts/output.ts";
import { alignColumns } from "../../../scripts/style.ts";

function capture({ json = false, isTTY = false, env = {} } = {}) {
  const written = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof written) => ({
    isTTY,
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
