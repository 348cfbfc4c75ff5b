import { setTimeout as delay } from "node:timers/promises";
import { Client, type ClientConfig } from "pg";
import { ssmTransport } from "#lib/tunnel/ssm/transport.ts";
import { Tunnel, type TunnelOptions } from "#lib/tunnel/tunnel.ts";
import { destinationOf, startFarSide } from "../scene/far-side.ts";
import { type ChaosClient, createChaosClient, createTables } from "./client.ts";
import { inject } from "./inject.ts";
import { audit, type Balance, type Transfer } from "./ledger.ts";
import { type FaultKind, schedule } from "./schedule.ts";

export type FaultRecord = {
  readonly kind: FaultKind;
  /** Of all clients, from the fault to the good query. */
  readonly errors: number;
  /** From its end, or from its beginning where it is gone at once, to an answer on a new connection. */
  readonly goodQueryMs: number;
};

export type Chaos = {
  readonly seed: number;
  readonly ms: number;
  readonly clients: number;
  readonly acknowledged: number;
  /** Transactions whose end nobody was told, because the connection was lost at their COMMIT. */
  readonly unsure: number;
  /** Errors of the clients, those between the faults included. */
  readonly errors: number;
  readonly faults: readonly FaultRecord[];
  readonly reconnects: number;
  /** What was lost or wrong. */
  readonly findings: readonly string[];
};

export type ChaosOptions = {
  /** A new database. */
  readonly config: ClientConfig & { readonly host: string; readonly port: number };
  readonly seed: number;
  readonly clients: number;
  /** Faults until so many have been, and the time is over. */
  readonly faults: number;
  readonly ms: number;
  readonly tunnel?: Pick<TunnelOptions, "healthIntervalMs" | "healthDeadlineMs">;
};

/**
 * Clients that work through a tunnel while the way there has one fault after the other.
 *
 * 1. A gateway, a tunnel through it, and clients that record every transaction.
 * 2. Fault by fault: calm, the fault, its end, a query on new connections until one is answered.
 * 3. The clients finish, the tunnel closes, and the database is compared with what they were told.
 */
export async function runChaos(options: ChaosOptions): Promise<Chaos> {
  const { config, seed } = options;
  await query(config, createTables);
  const startMs = performance.now();
  const clients: ChaosClient[] = [];
  const { faults, reconnects } = await workThroughFaults(options, clients);
  const count = (of: (client: ChaosClient) => number) => clients.reduce((sum, client) => sum + of(client), 0);
  return {
    seed,
    ms: performance.now() - startMs,
    clients: clients.length,
    acknowledged: count(({ acknowledged }) => acknowledged.size),
    unsure: count(({ unsure }) => unsure.size),
    errors: count(({ errors }) => errors),
    faults,
    reconnects,
    findings: [...clients.flatMap(({ findings }) => findings), ...(await compare(config, clients))],
  };
}

async function workThroughFaults(
  options: ChaosOptions,
  clients: ChaosClient[],
): Promise<Pick<Chaos, "faults" | "reconnects">> {
  const { config, seed, ms } = options;
  await using farSide = await startFarSide({ database: { host: config.host, port: config.port } });
  const transport = ssmTransport(destinationOf(farSide.access));
  await using tunnel = await Tunnel.connect({ transport, ...options.tunnel });
  const through = () => ({ ...config, host: tunnel.host, port: tunnel.port });
  for (let client = 1; client <= options.clients; client += 1) clients.push(createChaosClient(client, through, seed));
  const over = new AbortController();
  const working = Promise.all(clients.map(async (client) => client.work(over.signal)));
  const errorsNow = () => clients.reduce((sum, { errors }) => sum + errors, 0);
  const faults: FaultRecord[] = [];
  const startMs = performance.now();
  for (const fault of schedule(seed)) {
    if (faults.length >= options.faults && performance.now() - startMs >= ms) break;
    await delay(fault.calmMs);
    const errorsBefore = errorsNow();
    await inject(farSide.gateway, fault);
    const goodQueryMs = await untilAnswer(through());
    faults.push({ kind: fault.kind, errors: errorsNow() - errorsBefore, goodQueryMs });
  }
  over.abort();
  await working;
  return { faults, reconnects: tunnel.status().reconnects };
}

async function untilAnswer(config: ClientConfig): Promise<number> {
  const startMs = performance.now();
  for (;;) {
    const isAnswered = await query(config, "select 1").then(
      () => true,
      () => false,
    );
    if (isAnswered) return performance.now() - startMs;
  }
}

async function compare(config: ClientConfig, clients: readonly ChaosClient[]): Promise<string[]> {
  // A COMMIT whose answer was lost may still be under way.
  const others = `select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
    and backend_type = 'client backend'`;
  while ((await query(config, others)).length > 0) await delay(50);
  const transfers = await query<Transfer>(config, "select client, n, account, delta from chaos_transfers");
  const balances = await query<Balance>(config, "select id as account, balance::int from chaos_accounts");
  return audit(clients, transfers, balances);
}

async function query<Row extends object>(config: ClientConfig, sql: string): Promise<Row[]> {
  const client = new Client(config);
  client.on("error", () => {});
  try {
    await client.connect();
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}
