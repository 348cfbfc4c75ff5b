import { describe, expect, test } from "vitest";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { findInPasswordFile, formatPasswordLine } from "#lib/postgres/password-file.ts";

const address: DatabaseAddress = { host: "db", port: 5432, database: "app", user: "me", sslMode: "verify-full" };

describe("a password file", () => {
  test.each([
    ["db:5432:app:me:secret", "secret"],
    ["*:*:*:*:any", "any"],
    ["other:5432:app:me:no\ndb:5432:*:me:yes\n*:*:*:*:late", "yes"],
    ["# db:5432:app:me:comment\ndb:5432:app:me:real", "real"],
    ["db:5432:app:me:", ""],
    [String.raw`db:5432:app:me:a\:b\\c`, String.raw`a:b\c`],
    ["db:5432:app:me:secret\r\n", "secret"],
  ])("%j gives %j", (text, password) => {
    expect(findInPasswordFile(text, address)).toBe(password);
  });

  test.each(["", "db:5432:app:you:x", "db:5432:app", "db:543:app:me:x", "\n\n"])("%j has none", (text) => {
    expect(findInPasswordFile(text, address)).toBeUndefined();
  });

  test("goes by the real host behind a tunnel", () => {
    const tunnelled = { ...address, host: "127.0.0.1", servername: "db" };
    expect(findInPasswordFile("db:5432:app:me:secret", tunnelled)).toBe("secret");
  });

  test.each(["plain", "a:b", String.raw`back\slash`, "$&", String.raw`\:`])(
    "reads back what was written: %j",
    (password) => {
      expect(findInPasswordFile(formatPasswordLine({ ...address, password }), address)).toBe(password);
    },
  );

  test("a line for every port is found by any", () => {
    const line = formatPasswordLine({ ...address, port: "*", password: "secret" });
    expect(line).toBe("db:*:app:me:secret");
    expect(findInPasswordFile(line, { ...address, port: 6543 })).toBe("secret");
  });
});
