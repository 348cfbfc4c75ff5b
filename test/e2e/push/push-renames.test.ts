import { expect, test } from "vitest";
import { pruneRuns } from "#lib/migrate/ledger/prune.ts";
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

test("an entry that was done long ago does not either, when old runs were removed meanwhile", async () => {
  await makeCustomers();
  await bench.push(table("clients"), {}, [toClients]);
  await bench.query("update postern.runs set started_at = '2020-01-01', ended_at = '2020-01-01'");
  // The newest run has the lease, and that one stays for its own sake.
  await bench.push(table("clients"));
  await bench.query(
    `insert into postern.runs (run_id, action, requested_by, started_at, ended_at, outcome)
     select 'plain-' || n, 'push', 'test', at, at, 'up-to-date' from generate_series(1, 1100) n,
       lateral (select timestamptz '2021-01-01' + make_interval(mins => n) as at) times`,
  );
  await pruneRuns(await bench.connect("pruner"));
  const left = await bench.query("select outcome, count(*)::int as n from postern.runs group by 1 order by 1");
  expect(left).toContainEqual({ outcome: "pushed", n: 2 });
  expect(left.find(({ outcome }) => outcome === "up-to-date")?.["n"]).toBeLessThan(1100);
  await bench.query("drop table clients; create table customers (id integer, a text, somebody text)");
  const result = await bench.push(table("clients"), {}, [toClients]);
  expect(result).toMatchObject({ status: "refused", error: { code: "push.ambiguous" } });
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
