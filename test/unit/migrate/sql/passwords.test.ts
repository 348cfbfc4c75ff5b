import { expect, it } from "vitest";
import { mayHoldPassword } from "#lib/migrate/sql/passwords.ts";

it.each([
  ["alter role app password 'p'", true],
  ["ALTER ROLE app ENCRYPTED PASSWORD $$p$$", true],
  ["insert into settings values ('api_key', 'k')", true],
  ["insert into settings (apikey) values ('k')", true],
  ["alter server s options (add client_secret 'x')", true],
  ["update accounts set token = $$t$$", true],
  ["insert into credentials values ('c')", true],
  ["create table sessions (token text)", false],
  ["insert into t values ('x')", false],
])("%s: may hold a password or another secret is %s", (sql, expected) => {
  expect(mayHoldPassword(sql)).toBe(expected);
});
