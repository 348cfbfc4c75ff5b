/** One transaction of a client: its row in `chaos_transfers`. */
export type Transfer = {
  readonly client: number;
  readonly n: number;
  readonly account: number;
  readonly delta: number;
};

/** What a client knows of its transactions. */
export type ClientLedger = {
  readonly client: number;
  /** COMMIT was acknowledged. */
  readonly acknowledged: ReadonlyMap<number, Transfer>;
  /** The connection was lost while COMMIT was under way: it may have happened, or not. */
  readonly unsure: ReadonlyMap<number, Transfer>;
};

export type Balance = { readonly account: number; readonly balance: number };

/**
 * What is wrong in the database, as its clients know it. Pure.
 *
 * 1. Every acknowledged transaction is there, as it was asked for.
 * 2. There is no other but those whose end nobody was told.
 * 3. Each balance is the sum of the transfers: none was applied in part, or twice.
 */
export function audit(
  ledgers: readonly ClientLedger[],
  transfers: readonly Transfer[],
  balances: readonly Balance[],
): string[] {
  const findings: string[] = [];
  const found = new Map(transfers.map((transfer) => [keyOf(transfer), transfer]));
  const known = new Map(
    ledgers.flatMap(({ acknowledged, unsure }) =>
      [...acknowledged.values(), ...unsure.values()].map((transfer) => [keyOf(transfer), transfer] as const),
    ),
  );
  for (const { acknowledged } of ledgers) {
    for (const transfer of acknowledged.values()) {
      if (!found.has(keyOf(transfer))) findings.push(`lost though acknowledged: ${keyOf(transfer)}`);
    }
  }
  const sums = new Map<number, number>();
  for (const [key, { account, delta }] of found) {
    const asked = known.get(key);
    if (asked === undefined) findings.push(`nobody asked for ${key}`);
    else if (asked.account !== account || asked.delta !== delta) findings.push(`not what was asked for: ${key}`);
    sums.set(account, (sums.get(account) ?? 0) + delta);
  }
  for (const { account, balance } of balances) {
    const sum = sums.get(account) ?? 0;
    if (sum !== balance) findings.push(`account ${account} has ${balance}, its transfers make ${sum}`);
  }
  return findings;
}

function keyOf({ client, n }: Transfer): string {
  return `transaction ${n} of client ${client}`;
}
