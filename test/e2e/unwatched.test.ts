import { join } from "node:path";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runCommand } from "../support/command-line.ts";
import { createTestDatabase, type OwnTestServer, startTestServer } from "../support/postgres.ts";
import { type PostgresProxy, startPostgresProxy } from "../support/postgres-proxy.ts";
import { makeMigrationFolder } from "../support/migration-folder.ts";
import { makeSchemaFolder } from "../support/schema-folder.ts";

let server: OwnTestServer;
beforeAll(async () => {
  server = await startTestServer({ tls: "off" });
});
afterAll(async () => await server[Symbol.asyncDispose]());

/** Lets in only the first connection that carries a run's name. */
function admitOne(proxy: PostgresProxy): void {
  let admitted: number | undefined;
  proxy.judge = ({ connection, type, bytes }) => {
    if (type !== "" || !bytes.includes("postern run ")) return "pass";
    admitted ??= connection;
    return connection === admitted ? "pass" : "cut-before";
  };
}

it.each([
  ["migrate", ["migrate"]],
  ["baseline", ["migrate", "--baseline", "0000_step"]],
  ["rehearse", ["plan", "--rehearse"]],
  ["seed", ["seed", "--set", "few"]],
  ["push", ["push"]],
] as const)("%s tells that its second connection is missing, and goes on", async (name, command) => {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase(server));
  const proxy = stack.use(await startPostgresProxy(server));
  admitOne(proxy);
  const migrations = stack.use(await makeMigrationFolder());
  await migrations.write(["create table t (id integer primary key)"]);
  const schema = stack.use(await makeSchemaFolder());
  await schema.write(`export const t = pg.pgTable("t", { id: pg.integer("id").primaryKey() });`);
  const seeds = await mkdtemp(join(tmpdir(), "postern-test-"));
  stack.defer(async () => rm(seeds, { recursive: true }));
  await mkdir(join(seeds, "seeds", "few"), { recursive: true });
  await writeFile(join(seeds, "seeds", "few", "01-r.ndjson"), '{"id":1}\n');
  if (name === "seed") {
    const { connect } = await import("#lib/postgres/connect.ts");
    await using connection = await connect(database.address, { applicationName: "test" });
    await connection.client.query("create table r (id integer primary key)");
  }
  const url = new URL(database.url());
  url.port = String(proxy.port);
  url.hostname = proxy.host;
  const dir = {
    seed: seeds,
    push: schema.dir,
    migrate: migrations.dir,
    baseline: migrations.dir,
    rehearse: migrations.dir,
  };
  const { exitCode, stderr } = await runCommand([...command, "--dir", dir[name]], { env: { POSTERN_URL: url.href } });
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: expect.stringContaining("goes on without its second connection"),
  });
});
