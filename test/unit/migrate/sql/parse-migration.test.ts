import { describe, expect, it } from "vitest";
import { parseMigration } from "#lib/migrate/sql/parse-migration.ts";
import { makeMigration } from "../../../support/migrations.ts";

const parse = async (text: string) => (await parseMigration(makeMigration(text))).statements;
const failure = async (text: string) =>
  await parse(text).then(
    () => undefined,
    (error: unknown) => error,
  );

describe("parseMigration", () => {
  it("gives each statement its text, its line and its place in the file", async () => {
    const text = "-- first\ncreate table a (id int);\n\nselect 'é€😀';  -- why\nselect 2\n";
    const statements = await parse(text);
    expect(statements.map(({ text: sql, line }) => [line, sql])).toEqual([
      [2, "create table a (id int)"],
      [4, "select 'é€😀'"],
      [5, "select 2"],
    ]);
    for (const { text: sql, offset } of statements) expect(text.slice(offset, offset + sql.length)).toBe(sql);
    expect(statements[0]?.node).toHaveProperty("CreateStmt");
  });

  it("lets a breakpoint stand for a semicolon, and counts the lines of the file", async () => {
    const text = "\uFEFFselect '😀'\n--> statement-breakpoint\nselect\n 2;--> statement-breakpoint\nselect 3";
    const statements = await parse(text);
    expect(statements.map(({ line }) => line)).toEqual([1, 3, 5]);
    for (const { text: sql, offset } of statements) expect(text.slice(offset, offset + sql.length)).toBe(sql);
  });

  it("takes semicolons inside strings, dollar quotes, comments and SQL-standard bodies as what they are", async () => {
    const body = "create function f() returns int language sql begin atomic select 1; select 2; end";
    const statements = await parse(`select ';'; do $a$ begin; end $a$; /* ; /* ; */ */ ${body}; select 1`);
    expect(statements.map(({ node }) => Object.keys(node)[0])).toEqual([
      "SelectStmt",
      "DoStmt",
      "CreateFunctionStmt",
      "SelectStmt",
    ]);
  });

  it("finds no statement in a file of comments", async () => {
    expect(await parse("-- Custom SQL migration file\n;;\n")).toEqual([]);
  });

  it("shows file, line and a caret for a syntax error, in code points", async () => {
    expect(await failure("select 1;\n--> statement-breakpoint\nselect '😀é',\tfrom t selec x;\n")).toMatchObject({
      code: "migrations.invalid-sql",
      message: [
        '0000_step.sql:3:14: syntax error at or near "from"',
        "LINE 3: select '😀é', from t selec x;",
        "                     ^",
      ].join("\n"),
    });
  });

  it("cuts a long line around the caret", async () => {
    const { message } = (await failure(`select ${"1, ".repeat(100)} 1 + , ${"2, ".repeat(100)}`)) as Error;
    const [, excerpt = "", caret = ""] = message.split("\n");
    expect(excerpt).toMatch(/^LINE 1: \.\.\..{80}\.\.\.$/u);
    expect(excerpt.slice(caret.indexOf("^"))).toMatch(/^, 2, 2/u);
  });

  it.each([
    ["begin", "BEGIN"],
    ["start transaction", "START TRANSACTION"],
    ["commit", "COMMIT"],
    ["end", "COMMIT"],
    ["rollback", "ROLLBACK"],
    ["abort", "ROLLBACK"],
    ["savepoint a", "SAVEPOINT"],
    ["release a", "RELEASE SAVEPOINT"],
    ["rollback to a", "ROLLBACK TO SAVEPOINT"],
    ["prepare transaction 'x'", "PREPARE TRANSACTION"],
    ["commit prepared 'x'", "COMMIT PREPARED"],
    ["rollback prepared 'x'", "ROLLBACK PREPARED"],
  ])("refuses %s, which would end the runner's transaction", async (sql, verb) => {
    expect(await failure(`create table a ();\n${sql};`)).toMatchObject({
      code: "migrations.transaction-control",
      message: expect.stringMatching(new RegExp(`^0000_step\\.sql:2:1: ${verb} .*\\nLINE 2: ${sql};\\n {8}\\^$`, "u")),
    });
  });

  it.each(["\\connect other", "create table a ();\n\\i more.sql", "select 1 \\gset"])(
    "refuses a psql command by its name: %j",
    async (sql) => {
      expect(await failure(sql)).toMatchObject({
        code: "migrations.client-command",
        message: expect.stringMatching(/: \\(?:connect|i|gset) is a command of psql/u),
      });
    },
  );

  it.each(["copy a from stdin", "copy a from stdin;\n1\tone\n\\.\n", "copy a from stdin;\n\\N\tone\n\\.\n"])(
    "refuses rows that only a client could send: %j",
    async (sql) => {
      expect(await failure(sql)).toMatchObject({
        code: "migrations.client-command",
        message: expect.stringContaining("COPY … FROM STDIN"),
      });
    },
  );

  it("reports a backslash inside a statement's string as nothing special", async () => {
    expect(await parse(String.raw`select '\d', E'\\'`)).toHaveLength(1);
  });

  it("refuses a NUL character, behind which the server would see nothing", async () => {
    expect(await failure("select 1;\nselect 2;\0 drop table a;")).toMatchObject({
      code: "migrations.invalid-sql",
      message: expect.stringContaining("0000_step.sql:2: there is a NUL character"),
    });
  });

  it("refuses a file too large to parse in a function's memory", async () => {
    expect(await failure(`select '${"x".repeat(4 * 1024 * 1024)}'`)).toMatchObject({ code: "migrations.too-large" });
  });

  it("refuses SQL that nests too deeply, and goes on working", async () => {
    expect(await failure(`select 1${"+1".repeat(200_000)}`)).toMatchObject({ code: "migrations.invalid-sql" });
    expect(await parse("select 1")).toHaveLength(1);
  });
});
