import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { findInPasswordFile } from "#lib/postgres/password-file.ts";
import { findPassword } from "../../../../scripts/options/password.ts";
import { keepPasswords } from "../../../../scripts/options/passwords-file.ts";

const address: DatabaseAddress = { host: "db", port: 5432, database: "app", user: "me", sslMode: "verify-full" };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-test-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const onNewServer = { existing: [], mayReset: false };

describe("where a password comes from", () => {
  test("PGPASSWORD comes first", async () => {
    expect(await findPassword(address, { PGPASSWORD: "a", PGPASSFILE: "/absent" })).toBe("a");
  });

  test("an empty variable is none", async () => {
    expect(await findPassword(address, { PGPASSWORD: "", PGPASSFILE: "" })).toBeUndefined();
  });

  test("a file that others can read is refused", async () => {
    const file = join(folder, "pgpass");
    await writeFile(file, "*:*:*:*:secret");
    await chmod(file, 0o640);
    await expect(findPassword(address, { PGPASSFILE: file })).rejects.toMatchObject({ code: "config.invalid" });
    await chmod(file, 0o600);
    expect(await findPassword(address, { PGPASSFILE: file })).toBe("secret");
  });

  test("a file that is not there is said", async () => {
    const PGPASSFILE = join(folder, "absent");
    await expect(findPassword(address, { PGPASSFILE })).rejects.toMatchObject({ code: "config.invalid" });
  });
});

describe("keeping the roles' passwords", () => {
  test("generates them once, in a file for its owner alone", async () => {
    const file = join(folder, "roles");
    const first = await keepPasswords(file, address, onNewServer);
    expect(new Set(Object.values(first)).size).toBe(5);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await keepPasswords(file, address, onNewServer)).toEqual(first);
    expect(findInPasswordFile(await readFile(file, "utf8"), { ...address, user: "postern_app" })).toBe(first.app);
  });

  test("adds what is missing and keeps what is there, other databases included", async () => {
    const file = join(folder, "roles");
    const before = "elsewhere:1:x:y:z\ndb:5432:app:postern_app:chosen";
    await writeFile(file, before, { mode: 0o600 });
    expect(await keepPasswords(file, address, onNewServer)).toMatchObject({ app: "chosen" });
    expect(await readFile(file, "utf8")).toMatch(new RegExp(`^${before}\n(db:5432:app:postern_\\w+:[\\w-]{32}\n){4}$`));
  });

  test("refuses a file that others can read", async () => {
    const file = join(folder, "roles");
    await writeFile(file, "", { mode: 0o644 });
    await expect(keepPasswords(file, address, onNewServer)).rejects.toMatchObject({ code: "config.invalid" });
  });
});
