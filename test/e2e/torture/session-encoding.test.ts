import { describe, expect, it } from "vitest";
import { useMigrateBench } from "../../support/migrate-bench.ts";

const bench = useMigrateBench();
const next = "\n--> statement-breakpoint\n";
/** Too large for the parser. */
const padding = `-- ${"x".repeat(4 * 1024 * 1024 + 100)}\n`;
const insert = "insert into note values ('é')";

describe("a migration that sets how the server reads text, as pg_dump's files do,", () => {
  it.each([
    ["leaves the letters of the next as they are", ["set client_encoding = 'LATIN1'", insert]],
    [
      "leaves the strings of the next as they are",
      ["set standard_conforming_strings = off", "insert into note values ('\\')"],
    ],
    ["leaves its own steps as they are", [`set client_encoding = 'LATIN1';${next}${insert};${next}vacuum note`]],
    [
      "leaves its own parts as they are where it is not parsed",
      [`${padding}set client_encoding = 'LATIN1';${next}${insert}`],
    ],
  ])("%s", async (_, texts) => {
    await bench().folder.write(["create table note (text text)", ...texts]);
    expect(await bench().run()).toMatchObject({ status: "applied", pending: [] });
    const written = texts.at(-1)?.includes("é") === true ? "é" : "\\";
    expect(await bench().rows("select text from note")).toEqual([{ text: written }]);
  });
});
