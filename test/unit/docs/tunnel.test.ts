import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../../..");

test("every error of the tunnel stands in docs/tunnel.md once, with what to do", async () => {
  const [table, page] = await Promise.all(
    ["lib/base/errors.ts", "docs/tunnel.md"].map(async (file) => readFile(join(root, file), "utf8")),
  );
  const codes = Array.from(table?.matchAll(/^ {2}"((?:ssm|ssh|tunnel|psql)\.[a-z-]+)": /gmu) ?? [], ([, code]) => code);
  const rows = Array.from(
    page?.matchAll(/^\| `([a-z]+\.[a-z-]+)` \|[^|]+\|[^|]+\w[^|]*\|$/gmu) ?? [],
    ([, code]) => code,
  );
  expect(codes.length).toBeGreaterThan(25);
  expect(codes.filter((code) => !rows.includes(code))).toEqual([]);
  expect(rows.filter((row, index) => rows.indexOf(row) !== index)).toEqual([]);
});
