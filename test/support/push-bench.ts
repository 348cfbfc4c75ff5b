import { randomUUID } from "node:crypto";
import type pg from "pg";
import { afterEach, beforeEach } from "vitest";
import { openSchema } from "#lib/bundle/push.ts";
import { push, type PushOptions } from "#lib/migrate/push/push.ts";
import type { Rename } from "#lib/migrate/push/renames.ts";
import type { PushResult } from "#lib/migrate/push/result.ts";
import { connect } from "#lib/postgres/connect.ts";
import { createTestDatabase, type TestDatabase } from "./postgres.ts";
import { openRun } from "./run-connections.ts";
import { makeSchemaFolder, type SchemaFolder } from "./schema-folder.ts";

export type PushBench = {
  readonly database: TestDatabase;
  readonly folder: SchemaFolder;
  /** Another connection than the push's; closed after the test. */
  connect(name: string): Promise<pg.Client>;
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Writes the exports as the schema file and pushes it. */
  push(exports: string, options?: Partial<PushOptions>, renames?: readonly Rename[]): Promise<PushResult>;
};

/** A database and a schema file for each test of the file that calls it. */
export function usePushBench(): PushBench {
  let stack: AsyncDisposableStack;
  let database: TestDatabase;
  let folder: SchemaFolder;
  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    database = stack.use(await createTestDatabase());
    folder = stack.use(await makeSchemaFolder());
  });
  afterEach(async () => await stack.disposeAsync());
  return {
    get database() {
      return database;
    },
    get folder() {
      return folder;
    },
    async connect(name) {
      return stack.use(await connect(database.address, { applicationName: name })).client;
    },
    async query(sql, values = []) {
      await using connection = await connect(database.address, { applicationName: "push test" });
      return (await connection.client.query<Record<string, unknown>>(sql, [...values])).rows;
    },
    async push(exports, options = {}, renames) {
      await folder.write(exports, renames);
      await using schema = await openSchema(folder.schemaFile, folder.renamesFile, { signal: options.signal });
      const runId = options.runId ?? randomUUID();
      await using connections = await openRun(database.address, runId);
      const { kit, renames: declared } = schema;
      return await push(connections, { kit, renames: declared, requestedBy: "test", ...options, runId });
    },
  };
}
