import { expect, test } from "vitest";
import { usePushBench } from "../../support/push-bench.ts";

const bench = usePushBench();
const table = (name: string, column = "a") =>
  `export const ${name} = pg.pgTable("${name}", { id: pg.integer("id"), ${column}: pg.text("${column}") });`;
const toClients = { table: "public.customers", to: "clients" } as const;

async function tables(): Promise<unknown[]> {
  const sql =
    "select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1";
  return (await bench.query(sql)).map(({ name }) => name);
}

async function makeCustomers(): Promise<void> {
  await bench.push(table("customers"));
  await bench.query("insert into customers values (1, 'Ada')");
}

test("an entry whose new name the schema file does not have renames nothing, and is named", async () => {
  await makeCustomers();
  const result = await bench.push(table("customers"), {}, [toClients]);
  expect(result).toMatchObject({ status: "up-to-date", findings: [{ code: "push.rename-stale" }] });
  expect(result.findings[0]?.message).toBe(
    'The entry {"table":"public.customers","to":"clients"} of renames.json: the database has public.customers and not ' +
      "public.clients, the schema file public.customers and not public.clients. Nothing is renamed: take the entry out.",
  );
  expect(await tables()).toEqual(["customers"]);
});

test("an entry of which the schema file has both names is refused while the database has the old one alone", async () => {
  await makeCustomers();
  const result = await bench.push(table("customers") + table("clients"), {}, [toClients]);
  expect(result).toMatchObject({ status: "refused", error: { code: "push.ambiguous" } });
  expect(result.error?.message).toContain(JSON.stringify(toClients));
  expect(result.error?.hint).toContain("Take the entry out");
  expect(await tables()).toEqual(["customers"]);
});

test("an entry that was done hinders nothing when the schema file has a new table of the old name", async () => {
  await makeCustomers();
  await bench.push(table("clients"), {}, [toClients]);
  await bench.push(table("clients") + table("customers"), {}, [{ new: "public.customers" }]);
  const result = await bench.push(table("clients") + table("customers"), {}, [toClients]);
  expect(result).toMatchObject({ status: "up-to-date", findings: [{ code: "push.rename-stale" }] });
  expect(await bench.query("select a from clients")).toEqual([{ a: "Ada" }]);
});

test("an entry that an earlier push has done does not take what has the old name now", async () => {
  await makeCustomers();
  expect(await bench.push(table("clients"), {}, [toClients])).toMatchObject({ status: "pushed" });
  await bench.query("drop table clients; create table customers (id integer, a text, somebody text)");
  const result = await bench.push(table("clients"), {}, [toClients]);
  expect(result).toMatchObject({ status: "refused", error: { code: "push.ambiguous" } });
  expect(result.error?.message).toContain("came back");
  expect(result.error?.hint).toContain('alter table "public"."customers" rename to "clients"');
  expect(await tables()).toEqual(["customers"]);
});

test("a rename that was undone by another can be done again", async () => {
  await makeCustomers();
  await bench.push(table("clients"), {}, [toClients]);
  await bench.push(table("customers"), {}, [{ table: "public.clients", to: "customers" }]);
  expect(await bench.push(table("clients"), {}, [toClients])).toMatchObject({ status: "pushed", findings: [] });
  expect(await bench.query("select a from clients")).toEqual([{ a: "Ada" }]);
});

test("entries that go on from each other are done once, and nothing is said of them later", async () => {
  await makeCustomers();
  const entries = [
    { column: "public.customers.a", to: "b" },
    toClients,
    { table: "public.clients", to: "people" },
    { column: "public.people.b", to: "c" },
  ] as const;
  expect(await bench.push(table("people", "c"), {}, entries)).toMatchObject({ status: "pushed", findings: [] });
  expect(await bench.query("select c from people")).toEqual([{ c: "Ada" }]);
  expect(await bench.push(table("people", "c"), {}, entries)).toMatchObject({ status: "up-to-date", findings: [] });
});

test("a column whose old and new name are both there is refused with what is where", async () => {
  await makeCustomers();
  await bench.query("alter table customers add column label text");
  const result = await bench.push(table("customers", "label"), { acceptDataLoss: true }, [
    { column: "public.customers.a", to: "label" },
  ]);
  expect(result).toMatchObject({ status: "refused", error: { code: "push.ambiguous" } });
  expect(result.error?.message).toContain("the database has both public.customers.a and public.customers.label");
  expect(await bench.query("select a from customers")).toEqual([{ a: "Ada" }]);
});
