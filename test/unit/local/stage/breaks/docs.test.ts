import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { breaks } from "#lib/local/stage/breaks/breaks.ts";
import { repositoryRoot } from "../../../../support/command-line.ts";

test("docs/local-stage.md has each break with its line", async () => {
  const text = await readFile(join(repositoryRoot, "docs", "local-stage.md"), "utf8");
  const [, table = ""] = text.split("| name | what it is |\n|---|---|\n");
  const rows = table.slice(0, table.indexOf("\n\n")).split("\n");
  expect(rows).toEqual(Object.entries(breaks).map(([name, { line }]) => `| \`${name}\` | ${line} |`));
});
