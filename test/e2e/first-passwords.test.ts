import { once } from "node:events";
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type pg from "pg";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { roleNames, rotatableRoles, type RotatableRole } from "#lib/contract.ts";
import { createEmptySecret, storeSecret } from "#lib/local/aws/secret-store.ts";
import { setupRoles } from "#lib/migrate/roles/setup.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { readRolePasswords } from "#lib/stage/role-passwords.ts";
import { createSecretReader } from "#lib/stage/secrets.ts";
import { fetchSecretText } from "#lib/stage/secrets-manager.ts";
import { disposable, errorOf, startTestEndpoint, type TestEndpoint } from "../support/aws-endpoint.ts";
import { useRolesBench } from "../support/roles.ts";

describe.each([16, 18] as const)("the first passwords of the service roles, on PostgreSQL %i", (version) => {
  const bench = useRolesBench(version);
  let endpoint: TestEndpoint;
  let access: AwsAccess;

  beforeEach(async () => {
    endpoint = await startTestEndpoint();
    onTestFinished(async () => endpoint[Symbol.asyncDispose]());
    access = { source: "environment", ...endpoint.config() };
    for (const role of rotatableRoles) await createEmptySecret(endpoint.secrets, role);
  });

  const secrets = { migrator: "migrator", app: "app", health: "health" };
  /** As the runner reads them, each process with a reader of its own. */
  const read = async (by: AwsAccess = access, ids: Readonly<Record<string, string>> = secrets) => {
    const reader = createSecretReader({ fetchText: async (id) => fetchSecretText(id, by) });
    return await readRolePasswords({ secrets: ids }, reader, by);
  };
  const setup = async (readPasswords = async () => read()) => await bench.setup({ readPasswords });
  const loginOfOperator = async () => {
    const { roles } = await setup(async () => read(access, { ...secrets, operator: "operator" }));
    return roles.find(({ role }) => role === "postern_operator")?.login;
  };
  const secretOf = async (role: RotatableRole) =>
    JSON.parse(await fetchSecretText(role, access)) as { username: string; password: string };
  const logIn = async (role: RotatableRole): Promise<pg.Client> => {
    const { username: user, password } = await secretOf(role);
    return (await bench.open({ ...bench.database.address, user, password })).client;
  };
  const versionsOf = async (role: RotatableRole) => (await endpoint.secrets.read(role))?.versions ?? [];

  test("setup makes them where a secret has no value, and each role logs in with what its secret says", async () => {
    const { roles } = await setup();
    expect(roles.filter(({ login }) => login === "password").map(({ role }) => role)).toEqual([
      "postern_migrator",
      "postern_app",
      "postern_health",
    ]);
    const passwords = await Promise.all(rotatableRoles.map(secretOf));
    expect(passwords.map(({ username }) => username)).toEqual(rotatableRoles.map((role) => roleNames[role]));
    expect(new Set(passwords.map(({ password }) => password)).size).toBe(3);
    for (const { password } of passwords) expect(password).toMatch(/^[\w-]{32}$/);
    await Promise.all(rotatableRoles.map(logIn));
  });

  test("a second setup keeps them", async () => {
    await setup();
    const before = await Promise.all(rotatableRoles.map(secretOf));
    await setup();
    expect(await Promise.all(rotatableRoles.map(secretOf))).toEqual(before);
    await Promise.all(rotatableRoles.map(logIn));
  });

  test("a secret that has a value keeps it", async () => {
    const value = JSON.stringify({ username: "postern_app", password: "chosen-by-somebody" });
    await storeSecret(endpoint.secrets, "app", value, new Date());
    await setup();
    expect(await secretOf("app")).toEqual(JSON.parse(value));
    expect(await versionsOf("app")).toHaveLength(1);
    await Promise.all(rotatableRoles.map(logIn));
  });

  test("a setup that died between the secret and the role is put right by the next", async () => {
    const dying = setup(async () => {
      await read();
      throw new Error("the process is gone");
    });
    await expect(dying).rejects.toThrow("the process is gone");
    const master = await bench.openAs("master");
    expect((await master.query("select from pg_roles where rolname like 'postern%'")).rowCount).toBe(0);
    const before = await secretOf("app");
    await setup();
    expect(await secretOf("app")).toEqual(before);
    await Promise.all(rotatableRoles.map(logIn));
  });

  test("an answer of Secrets Manager that is lost changes nothing: the call is repeated, and there is one version", async () => {
    const { url, lost } = await startLossyProxy(endpoint.url, "secretsmanager.PutSecretValue", 2);
    await setup(async () => read({ ...access, endpoint: url }));
    expect(lost()).toBe(2);
    for (const role of rotatableRoles) expect(await versionsOf(role)).toHaveLength(1);
    await Promise.all(rotatableRoles.map(logIn));
  });

  test("two setups at once agree", async () => {
    const [one, other] = await Promise.all([bench.openAs("master"), bench.openAs("master")]);
    const options = { databaseName: bench.database.name, readPasswords: async () => read() };
    await Promise.all([setupRoles(one, options), setupRoles(other, options)]);
    for (const role of rotatableRoles) expect(await versionsOf(role)).toHaveLength(1);
    await Promise.all(rotatableRoles.map(logIn));
  });

  test("two that write a first value at once, the lock lost, get the same one", async () => {
    const all = await Promise.all(Array.from({ length: 8 }, async () => read()));
    expect(new Set(all.map((passwords) => JSON.stringify(passwords))).size).toBe(1);
    for (const role of rotatableRoles) expect(await versionsOf(role)).toHaveLength(1);
  });

  test("a secret that is not there at all is named, and no role is made", async () => {
    await expect(setup(async () => read(access, { app: "nowhere" }))).rejects.toMatchObject({
      code: "secret.missing",
      message: expect.stringContaining("nowhere"),
      hint: expect.stringContaining("Deploy"),
    });
  });

  test("a human role whose secret has no value gets no password and no login, but with rds_iam where that exists", async () => {
    await createEmptySecret(endpoint.secrets, "operator");
    expect(await loginOfOperator()).toBe("none");
    await bench.asSuperuser("create role rds_iam; grant rds_iam to master with admin option");
    expect(await loginOfOperator()).toBe("iam");
    expect((await endpoint.secrets.read("operator"))?.versions).toEqual([]);
  });
});

test("whoever reads a secret before setup is told what to do", async () => {
  await using endpoint = await startTestEndpoint();
  await createEmptySecret(endpoint.secrets, "app");
  const access: AwsAccess = { source: "environment", ...endpoint.config() };
  await expect(fetchSecretText("app", access)).rejects.toMatchObject({
    code: "secret.missing",
    hint: expect.stringContaining("setup"),
  });
  // As AWS does: the secret is known, and it is its value that is not there.
  using client = disposable(new SecretsManagerClient(endpoint.config()));
  expect(await errorOf(client.send(new GetSecretValueCommand({ SecretId: "app" })))).toMatchObject({
    name: "ResourceNotFoundException",
    message: expect.stringContaining("AWSCURRENT"),
    status: 400,
  });
});

/** Hands requests on, and cuts the connection instead of handing back the first answers to one operation. */
async function startLossyProxy(
  to: string,
  target: string,
  times: number,
): Promise<{ url: string; lost: () => number }> {
  let lost = 0;
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method, headers, url } = incoming;
    const forwarded = httpRequest(new URL(url ?? "/", to), { method, headers, agent: false });
    forwarded.end(await buffer(incoming));
    const [answer] = (await once(forwarded, "response")) as [IncomingMessage];
    const body = await buffer(answer);
    if (headers["x-amz-target"] === target && lost < times) {
      lost += 1;
      incoming.socket.destroy();
    } else outgoing.writeHead(answer.statusCode ?? 500, answer.headers).end(body);
  };
  const server = createServer((incoming, outgoing) => void pass(incoming, outgoing));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, lost: () => lost };
}
