import { randomBytes } from "node:crypto";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { roleNames } from "#lib/contract.ts";
import { setupRoles } from "#lib/migrate/roles/setup.ts";
import { type RotateOptions, rotateRole, type SecretVersions } from "#lib/migrate/roles/rotate.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";
import { createTestDatabase, type OwnTestServer, startTestServer, type TestDatabase } from "../support/postgres.ts";

/** A secret with versions, as Secrets Manager keeps it; `fail` breaks one of its calls. */
class Secret implements SecretVersions {
  readonly versions = new Map<string, string>();
  readonly calls: string[] = [];
  current: string;
  fail: keyof SecretVersions | undefined;
  onCall: (call: keyof SecretVersions) => void = () => {};

  constructor(password: string) {
    this.current = "version 0";
    this.versions.set(this.current, password);
  }
  get password(): string {
    return this.versions.get(this.current) ?? "";
  }
  async readCurrent(): Promise<string> {
    await this.#record("readCurrent");
    return this.password;
  }
  async putPending({ password }: { username: string; password: string }): Promise<string> {
    await this.#record("putPending");
    const id = `version ${this.versions.size}`;
    this.versions.set(id, password);
    return id;
  }
  async promote(versionId: string): Promise<void> {
    await this.#record("promote");
    this.current = versionId;
  }
  async #record(call: keyof SecretVersions): Promise<void> {
    this.calls.push(call);
    this.onCall(call);
    await Promise.resolve();
    if (this.fail === call) throw new Error(`${call} failed`);
  }
}

describe.each([16, 18] as const)("rotating a role's password on PostgreSQL %i", (version) => {
  let server: OwnTestServer;
  let database: TestDatabase;
  let master: pg.Client;
  let stack: AsyncDisposableStack;
  let secret: Secret;

  beforeAll(async () => {
    server = await startTestServer({ version });
    database = await createTestDatabase(server);
    await using connection = await connect(database.address, { applicationName: "rotate test" });
    await connection.client.query(
      `create role master login createrole createdb password 'master'; alter database ${database.name} owner to master`,
    );
  });
  afterAll(async () => await server[Symbol.asyncDispose]());

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    master = await openAs("master", "master");
    const password = randomBytes(12).toString("hex");
    secret = new Secret(password);
    await setup(master);
  });
  afterEach(async () => await stack.disposeAsync());

  async function openAs(user: string, password: string): Promise<pg.Client> {
    const address: DatabaseAddress = { ...database.address, user, password };
    return stack.use(await connect(address, { applicationName: "rotate test", retry: false })).client;
  }
  const setup = async (client: pg.Client, readPasswords = async () => ({ app: secret.password })) =>
    await setupRoles(client, { databaseName: database.name, readPasswords });
  const openAsApp = async (password: string) => await openAs(roleNames.app, password);
  const rotate = async (options: Partial<RotateOptions> = {}) =>
    await rotateRole(master, { role: "app", secret, address: database.address, ...options });

  test("the new password works and is the current one; the old one is refused; open sessions stay", async () => {
    const oldPassword = secret.password;
    const session = await openAsApp(oldPassword);
    await expect(rotate()).resolves.toEqual({ role: "postern_app", versionId: "version 1" });
    expect(secret.calls).toEqual(["readCurrent", "putPending", "promote"]);
    expect(secret.password).toMatch(/^[\w-]{32}$/);
    await openAsApp(secret.password);
    await expect(openAsApp(oldPassword)).rejects.toMatchObject({ code: "auth.rejected" });
    await session.query("select 1");
  });

  test("nothing has changed when the new version cannot be stored", async () => {
    secret.fail = "putPending";
    await expect(rotate()).rejects.toThrow("putPending failed");
    await openAsApp(secret.password);
  });

  test("the old password is put back when the new one does not let the role in", async () => {
    const address = { ...database.address, servername: "other.example" };
    await expect(rotate({ address })).rejects.toMatchObject({ code: "cert.wrong-host" });
    expect(secret.current).toBe("version 0");
    await openAsApp(secret.password);
  });

  test("a rotation that broke off before the promotion is healed by the next one", async () => {
    secret.fail = "promote";
    await expect(rotate()).rejects.toThrow("promote failed");
    await expect(openAsApp(secret.password)).rejects.toMatchObject({ code: "auth.rejected" });
    secret.fail = undefined;
    await rotate();
    await openAsApp(secret.password);
  });

  test("of two rotations at once, one is refused and nothing is mixed up", async () => {
    const others = await openAs("master", "master");
    const both = await Promise.allSettled([
      rotate(),
      rotateRole(others, { role: "app", secret, address: database.address }),
    ]);
    const refused = both.filter((one) => one.status === "rejected").map((one) => (one.reason as { code: string }).code);
    expect(refused).toEqual(["lock.held"]);
    await openAsApp(secret.password);
    await rotateRole(others, { role: "app", secret, address: database.address });
    await openAsApp(secret.password);
  });

  test.each(["putPending", "promote"] as const)(
    "a setup that comes while a rotation is at %s waits, and leaves the role with the new password",
    async (call) => {
      const others = await openAs("master", "master");
      const setups: Promise<unknown>[] = [];
      secret.onCall = (now) => {
        if (now === call) setups.push(setup(others));
      };
      await rotate();
      expect(setups).toHaveLength(1);
      await Promise.all(setups);
      expect(secret.current).toBe("version 1");
      await openAsApp(secret.password);
    },
  );

  test("a rotation that comes while a setup holds the passwords is refused", async () => {
    const others = await openAs("master", "master");
    const refusals: unknown[] = [];
    await setup(others, async () => {
      const passwords = { app: secret.password };
      await rotate().catch((error: unknown) => refusals.push(error));
      return passwords;
    });
    expect(refusals).toEqual([expect.objectContaining({ code: "lock.held" })]);
    await openAsApp(secret.password);
  });

  test("a setup that would wait for the lock ends when it is stopped", async () => {
    const others = await openAs("master", "master");
    const ends: unknown[] = [];
    await setup(master, async () => {
      const passwords = { app: secret.password };
      const stopped = { databaseName: database.name, readPasswords: async () => ({}), signal: AbortSignal.abort() };
      await setupRoles(others, stopped).catch((error: unknown) => ends.push(error));
      return passwords;
    });
    expect(ends).toEqual([expect.objectContaining({ name: "AbortError" })]);
  });
});
