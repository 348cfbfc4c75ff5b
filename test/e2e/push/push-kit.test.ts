import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openSchema } from "#lib/bundle/push.ts";
import { PosternError } from "#lib/base/errors.ts";
import { makeSchemaFolder, type SchemaFolder } from "../../support/schema-folder.ts";
import { waitFor } from "../../support/wait-for.ts";

let folder: SchemaFolder;
beforeEach(async () => {
  folder = await makeSchemaFolder();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await folder[Symbol.asyncDispose]();
});

test("a schema file sees the time zone, and no key, password or address of the environment", async () => {
  const secrets = ["AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "POSTERN_URL"];
  for (const name of [...secrets, "TZ"]) vi.stubEnv(name, "UTC");
  await folder.write(`const seen = ${JSON.stringify([...secrets, "TZ"])}.filter((name) => name in process.env);
    export const t = pg.pgTable(seen.join(), { a: pg.text("a") });`);
  await using schema = await openSchema(folder.schemaFile, folder.renamesFile);
  expect(Object.keys(schema.description.tables)).toEqual(["public.TZ"]);
});

test("a thread that has ended between two requests fails the next one at once, with the reason", async () => {
  await folder.write(`export const t = pg.pgTable("t", { a: pg.text("a") });
    setTimeout(() => { throw new Error("not today"); }, 300);`);
  await using schema = await openSchema(folder.schemaFile, folder.renamesFile);
  const describeAgain = async () =>
    await schema.kit.describe().then(
      () => undefined,
      (error: unknown) => error,
    );
  let failure: unknown;
  await waitFor("the thread ends", async () => (failure = await describeAgain()) !== undefined);
  expect(failure).toBeInstanceOf(PosternError);
  expect(await describeAgain()).toMatchObject({ code: "push.failed", message: "drizzle-kit failed: not today" });
});
