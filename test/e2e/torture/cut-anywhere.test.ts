import { describe, expect, it } from "vitest";
import { type MigrateBench, openMigrateBench } from "../../support/migrate-bench.ts";
import { startTestServer } from "../../support/postgres.ts";
import { type SeenMessage, startPostgresProxy, type Verdict } from "../../support/postgres-proxy.ts";

/** One migration in a transaction, one step by step, and their effects. */
function round(number: number): { readonly texts: readonly string[]; readonly effects: readonly string[] } {
  const [plain, first, second] = [`${number}`, `${number} first`, `${number} second`];
  return {
    texts: [
      `insert into effect values ('${plain}'); create table account_${number} (email text)`,
      `insert into effect values ('${first}');
       create index concurrently account_${number}_idx on account_${number} (email);
       insert into effect values ('${second}')`,
    ],
    effects: [plain, first, second],
  };
}

type Place = (message: SeenMessage) => boolean;

/** A request is a simple query, or ends with a Sync; an answer ends with ReadyForQuery. */
const isRequest: Place = ({ from, type }) => from === "client" && (type === "Q" || type === "S");
const isAnswer: Place = ({ from, type }) => from === "server" && type === "Z";

/** Cuts the connection that works at the place of that number; `wasCut` tells whether it came so far. */
function cutAt(number: number, isPlace: Place, verdict: Verdict) {
  let seen = 0;
  const judge = (message: SeenMessage): Verdict => {
    if (message.connection !== 1 || !isPlace(message)) return "pass";
    seen += 1;
    return seen === number ? verdict : "pass";
  };
  return { judge, wasCut: () => seen >= number };
}

async function appliedTags({ rows }: MigrateBench): Promise<unknown[]> {
  const applied = await rows("select tag from postern.run_migrations where outcome = 'applied' order by tag");
  return applied.map(({ tag }) => tag);
}

describe("a connection that is cut, run after run a request later", () => {
  it.concurrent.each([
    ["before the server got the request", isRequest, "cut-before"],
    ["in the middle of the request", isRequest, "cut-within"],
    ["behind the request", isRequest, "cut-after"],
    ["before the answer came", isAnswer, "cut-before"],
  ] as const)(
    "%s: what the run says is what was done, and nothing is done twice",
    async (_, isPlace, verdict) => {
      await using server = await startTestServer({ tls: "off" });
      await using bench = await openMigrateBench(server);
      const texts: string[] = ["create table effect (tag text)"];
      const effects: string[] = [];
      await bench.run({ folder: await bench.folder.write(texts) });
      for (let number = 1, wasCut = true; wasCut; number += 1) {
        const next = round(number);
        texts.push(...next.texts);
        effects.push(...next.effects);
        const folder = await bench.folder.write(texts);
        const before = await appliedTags(bench);
        await using proxy = await startPostgresProxy(server);
        const cut = cutAt(number, isPlace, verdict);
        proxy.judge = cut.judge;
        const { host, port } = proxy;
        const told = await bench.run({ folder }, { ...bench.database.address, host, port }).then(
          ({ applied }) => applied,
          () => [],
        );
        ({ wasCut } = { wasCut: cut.wasCut() });
        const done = (await appliedTags(bench)).slice(before.length);
        expect(done, `told after a cut at ${number}`).toEqual(told);
        expect(await bench.run({ folder }), `run after a cut at ${number}`).toMatchObject({ pending: [] });
        const found = await bench.rows("select tag from effect");
        expect(found.map(({ tag }) => String(tag)).toSorted(), `effects after a cut at ${number}`).toEqual(
          effects.toSorted(),
        );
      }
      expect(await bench.rows("select from pg_index where not indisvalid")).toEqual([]);
      expect(effects.length).toBeGreaterThan(3 * 20);
    },
    120_000,
  );
});
