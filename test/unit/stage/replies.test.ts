import { expect, test } from "vitest";
import type { SeedResult } from "#lib/protocol.ts";
import { replies } from "#lib/stage/replies.ts";

/** With every part that may be absent: one that the schema lacks would be taken out unseen. */
type Whole<Value> = Value extends readonly (infer Item)[]
  ? readonly Whole<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]-?: Whole<Exclude<Value[Key], undefined>> }
    : Value;

test("a seed run's result comes through a stage whole", () => {
  const result: Whole<SeedResult> = {
    set: "demo",
    tables: [
      {
        table: "public.products",
        rows: 3,
        inserted: 1,
        ms: 12.5,
        repeated: { rows: 2, first: "demo/20-products.csv line 9" },
      },
    ],
    scripts: [{ file: "demo/30-setup.sql", ran: true, ms: 1.5 }],
    after: {
      fingerprint: "sha256:0",
      findings: [{ code: "sequence.behind", object: "public.products_id_seq", message: "behind its column" }],
    },
  };
  expect(replies.seed(result)).toEqual(result);
});
