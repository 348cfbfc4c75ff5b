import { describe, expect, it } from "vitest";
import { audit, type Transfer } from "../../../../bench/tunnel/chaos/ledger.ts";

const transfer = (n: number, delta = 10, account = 1): Transfer => ({ client: 1, n, account, delta });
const byNumber = (...transfers: Transfer[]) => new Map(transfers.map((one) => [one.n, one]));
const ledger = (acknowledged: Transfer[], unsure: Transfer[] = []) => ({
  client: 1,
  acknowledged: byNumber(...acknowledged),
  unsure: byNumber(...unsure),
});
const balance = (account: number, sum: number) => ({ account, balance: sum });

describe("audit", () => {
  it("finds nothing where all that was acknowledged is there", () => {
    expect(audit([ledger([transfer(1), transfer(2)])], [transfer(1), transfer(2)], [balance(1, 20)])).toEqual([]);
  });

  it("takes a transaction whose end was not told either way", () => {
    const ledgers = [ledger([transfer(1)], [transfer(2)])];
    expect(audit(ledgers, [transfer(1)], [balance(1, 10)])).toEqual([]);
    expect(audit(ledgers, [transfer(1), transfer(2)], [balance(1, 20)])).toEqual([]);
  });

  it("finds what was acknowledged and is lost", () => {
    expect(audit([ledger([transfer(1), transfer(2)])], [transfer(1)], [balance(1, 10)])).toEqual([
      "lost though acknowledged: transaction 2 of client 1",
    ]);
  });

  it("finds what nobody asked for, and what is not as it was asked for", () => {
    expect(audit([ledger([transfer(1)])], [transfer(1, 11), transfer(7)], [balance(1, 21)])).toEqual([
      "not what was asked for: transaction 1 of client 1",
      "nobody asked for transaction 7 of client 1",
    ]);
  });

  it("finds a balance that was changed twice, or without its transfer", () => {
    expect(audit([ledger([transfer(1)])], [transfer(1)], [balance(1, 20), balance(2, 5)])).toEqual([
      "account 1 has 20, its transfers make 10",
      "account 2 has 5, its transfers make 0",
    ]);
  });
});
