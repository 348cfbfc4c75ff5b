import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Client, type ClientConfig } from "pg";
import { createRandom } from "#lib/local/gateway/faults.ts";
import type { ClientLedger, Transfer } from "./ledger.ts";

const accounts = 100;

export const createTables = `
  create table chaos_accounts (id integer constraint chaos_accounts_pkey primary key, balance bigint default 0 not null);
  insert into chaos_accounts select n from generate_series(1, ${accounts}) n;
  create table chaos_transfers (
    client integer not null, n integer not null, account integer not null, delta integer not null,
    constraint chaos_transfers_pkey primary key (client, n)
  )`;

export type ChaosClient = ClientLedger & {
  /** Errors of its connections and queries so far. */
  readonly errors: number;
  /** Answers that were wrong, and queries that nothing ended. */
  readonly findings: readonly string[];
  /** Until the signal is aborted, and what is under way is done. */
  work(signal: AbortSignal): Promise<void>;
};

/** Whatever the tunnel does, it ends a query sooner than this. */
const hungMs = 60_000;
const afterErrorMs = 20;

/**
 * A client as pgbench has them, which records what it is told: begin, change a balance, note the transfer, read, commit. After
 * an error it takes another connection and goes on with its next transaction, as an application with a pool does.
 */
export function createChaosClient(client: number, config: () => ClientConfig, seed: number): ChaosClient {
  const random = createRandom(seed + client);
  const acknowledged = new Map<number, Transfer>();
  const unsure = new Map<number, Transfer>();
  const findings: string[] = [];
  let errors = 0;
  let n = 0;
  let lastAcknowledged: number | undefined;

  async function transact(pg: Client): Promise<void> {
    n += 1;
    const [account, delta] = [1 + Math.floor(random() * accounts), Math.floor(random() * 1000) - 500];
    await pg.query("begin");
    await pg.query("update chaos_accounts set balance = balance + $1 where id = $2", [delta, account]);
    await pg.query("insert into chaos_transfers values ($1, $2, $3, $4)", [client, n, account, delta]);
    await checkRead(pg);
    // From here on only its answer tells.
    unsure.set(n, { client, n, account, delta });
    await pg.query("commit");
    unsure.delete(n);
    acknowledged.set(n, { client, n, account, delta });
    lastAcknowledged = n;
  }

  /** Its own transactions, and two kilobytes that follow from what it sends. */
  async function checkRead(pg: Client): Promise<void> {
    const text = `client ${client}, transaction ${n}`;
    const { rows } = await pg.query<{ echo: string; digest: string; own: number[] }>(
      `select $1::text as echo, repeat(md5($1), 64) as digest,
         array(select n from chaos_transfers where client = $2 order by n desc limit 5) as own`,
      [text, client],
    );
    const [row] = rows;
    const digest = createHash("md5").update(text).digest("hex").repeat(64);
    if (rows.length !== 1 || row?.echo !== text || row.digest !== digest) findings.push(`wrong bytes in ${text}`);
    const own = row?.own ?? [];
    if (own[0] !== n || own.some((one) => one !== n && !acknowledged.has(one) && !unsure.has(one))) {
      findings.push(`${text} read transactions that are not its own`);
    }
    if (own.length < 5 && lastAcknowledged !== undefined && !own.includes(lastAcknowledged)) {
      findings.push(`${text} missed number ${lastAcknowledged}`);
    }
  }

  async function workOnce(signal: AbortSignal): Promise<void> {
    const pg = new Client({ ...config(), connectionTimeoutMillis: hungMs, query_timeout: hungMs });
    pg.on("error", () => {});
    const startMs = performance.now();
    try {
      await pg.connect();
      while (!signal.aborted) await transact(pg);
    } catch (error) {
      errors += 1;
      const message = error instanceof Error ? error.message : String(error);
      if (/timeout/iu.test(message) && performance.now() - startMs >= hungMs) {
        findings.push(`client ${client} got no answer within ${hungMs / 1000} s`);
      }
      await delay(afterErrorMs);
    } finally {
      await pg.end().catch(() => {});
    }
  }

  return {
    client,
    acknowledged,
    unsure,
    findings,
    get errors() {
      return errors;
    },
    work: async (signal) => {
      while (!signal.aborted) await workOnce(signal);
    },
  };
}
