import { once } from "node:events";
import { type Clock, elapsedMs } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { Blocker, RunProgress } from "#lib/protocol.ts";
import type { Connection } from "#lib/postgres/connect.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { findBlockers } from "./blockers.ts";
import { type Lease, leaseLost, renewLease } from "./lease.ts";
import { sayGoodbye } from "./run-connections.ts";
import type { Queryable } from "../ledger/ledger.ts";

export type MonitorOptions = {
  readonly runId: string;
  /** Backend of the connection that works. */
  readonly workPid: number;
  /** Opens the second connection; called again when that one is lost. */
  readonly open: (signal: AbortSignal, connectTimeoutMs: number) => Promise<Connection>;
  readonly clock: Clock;
  /** Told why the second connection is not there, once until it is there again. */
  readonly onUnwatched?: ((reason: PosternError) => void) | undefined;
  /** Default 1500: a quarter of the lease. */
  readonly renewEveryMs?: number | undefined;
  /** Default 250: how often it looks who blocks, and whether the run was cancelled. */
  readonly lookEveryMs?: number | undefined;
};

const defaults = Object.freeze({ renewEveryMs: 1500, lookEveryMs: 250 });

/** Between attempts to open the connection, doubled each time; the longest leaves time to renew the lease. */
const reopenMs = Object.freeze({ first: 250, longest: 2000 });

/** A connection that takes longer to answer is given up: a network that swallows packets says nothing for a quarter of an hour. */
const answerMs = 3000;
/** Less than that, so that what is told is why it could not connect. */
const connectMs = 2500;

/** One thing that is asked of the second connection; aborted when it is given up, and then nothing more comes of it. */
type Turn = AbortSignal;

/**
 * A run's second connection. The first is busy, and what is written in its transactions is gone when they roll back; this
 * one stays free, and what it writes stays.
 *
 * - renews the lease; when another run has it, `signal` is aborted (`run.lease-lost`)
 * - writes the run's progress, for whoever watches
 * - sees that the run was cancelled: `signal` is aborted (`run.cancelled`), and the statement under way is cancelled
 * - sees who blocks the statement under way
 *
 * A connection that is lost, or gives no answer, is opened anew, less and less often; until then the run goes on, because the
 * lease is asked for in every transaction.
 */
export class RunMonitor implements AsyncDisposable {
  readonly #options: MonitorOptions;
  readonly #stop = new AbortController();
  readonly #abort = new AbortController();
  readonly #first: Promise<void>;
  readonly #loop: Promise<void>;
  #lease: Lease | undefined;
  #connection: Connection | undefined;
  #progress: RunProgress | undefined;
  #hasNews = false;
  #isCancellable = false;
  /** How often in a row nothing was achieved on this connection, and when it is tried again. */
  #failures = 0;
  #reopenAtMs = 0;
  #blockers: readonly Blocker[] = [];
  #blockedMs = 0;
  /** When somebody last looked who blocks the statement under way. */
  #lookedMs: number | undefined;
  /** What is under way on this connection: one thing at a time. */
  #asking: Promise<void> = Promise.resolve();

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#first = this.#ask(async (turn) => this.#tick(turn, false));
    this.#loop = this.#watch();
  }

  /** Aborted with a PosternError when the run must end. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Who kept the statement under way waiting when somebody last looked; empty once it went on. */
  get blockers(): readonly Blocker[] {
    return this.#blockers;
  }

  /**
   * Settles when the connection is there, or could not be opened: within three seconds. Until then a run that is frozen looks
   * like one that works on without it, so that no work is begun before.
   */
  async ready(): Promise<void> {
    await this.#first;
  }

  /** How long its statements were kept waiting for others so far, as far as was seen. */
  get blockedMs(): number {
    return this.#blockedMs;
  }

  /** From now on it is renewed. */
  hold(lease: Lease): void {
    this.#lease = lease;
  }

  /**
   * Renews the lease at once. Its commit is waited for by the server, and makes durable what the run has committed: beside other
   * work, this saves the run's end the wait for the disk.
   */
  async renewNow(): Promise<void> {
    await this.#ask(async (turn) => this.#tick(turn, true));
  }

  report(progress: RunProgress): void {
    this.#progress = progress;
    this.#hasNews = true;
  }

  /**
   * Does work whose statement may be cancelled: by whoever cancels the run, after `limitMs`, or when `until` is aborted. When it
   * returns no cancel is on its way, so that the next statement is safe.
   */
  async cancellable<Result>(
    work: () => Promise<Result>,
    limitMs = Number.POSITIVE_INFINITY,
    until?: AbortSignal,
  ): Promise<Result> {
    this.#isCancellable = true;
    this.#blockers = [];
    this.#lookedMs = this.#options.clock.nowMs();
    const done = new AbortController();
    const over = [
      ...(Number.isFinite(limitMs) ? [this.#options.clock.sleep(Math.max(0, limitMs), done.signal)] : []),
      ...(until === undefined ? [] : [abortOf(until, done.signal)]),
    ];
    const limits = over.map(async (isOver) => this.#cancelAfter(isOver, done.signal));
    try {
      return await work();
    } finally {
      this.#isCancellable = false;
      // An abort makes an error with its stack, which each of hundreds of migrations would pay for.
      if (limits.length > 0) done.abort();
      await Promise.all(limits);
      await this.#asking;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    if (this.#connection !== undefined) sayGoodbye(this.#connection);
  }

  async #watch(): Promise<void> {
    const { clock } = this.#options;
    const lookEveryMs = this.#options.lookEveryMs ?? defaults.lookEveryMs;
    const renewEveryMs = this.#options.renewEveryMs ?? defaults.renewEveryMs;
    let renewedMs = clock.nowMs();
    await this.#first;
    while (await this.#pause(lookEveryMs)) {
      const isDue = elapsedMs(clock, renewedMs) >= renewEveryMs;
      if (isDue) renewedMs = clock.nowMs();
      await this.#ask(async (turn) => this.#tick(turn, isDue));
    }
  }

  async #ask(work: (turn: Turn) => Promise<void>): Promise<void> {
    this.#asking = this.#askAfter(this.#asking, work);
    await this.#asking;
  }

  /** Does not reject: what fails is tried again on another connection. */
  async #askAfter(earlier: Promise<void>, work: (turn: Turn) => Promise<void>): Promise<void> {
    await earlier;
    if (this.#connection === undefined && this.#options.clock.nowMs() < this.#reopenAtMs) return;
    try {
      await this.#inTime(work);
      this.#failures = 0;
    } catch (error) {
      await this.#dropConnection();
      this.#noteFailure(error);
    }
  }

  #noteFailure(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    const { clock, onUnwatched } = this.#options;
    this.#reopenAtMs = clock.nowMs() + Math.min(reopenMs.first * 2 ** this.#failures, reopenMs.longest);
    this.#failures += 1;
    if (this.#failures === 1) onUnwatched?.(toDatabaseError(error, "watching the run on a second connection"));
  }

  async #inTime(work: (turn: Turn) => Promise<void>): Promise<void> {
    const done = new AbortController();
    const turn = new AbortController();
    const limit = this.#options.clock.sleep(answerMs, done.signal).then(
      () => {
        throw new PosternError("endpoint.silent", `The run's second connection gave no answer within ${answerMs} ms.`);
      },
      () => undefined,
    );
    try {
      await Promise.race([work(AbortSignal.any([turn.signal, this.#stop.signal])), limit]);
    } finally {
      done.abort();
      turn.abort();
    }
  }

  /** Whether it is to go on. */
  async #pause(ms: number): Promise<boolean> {
    await this.#options.clock.sleep(ms, this.#stop.signal).catch(() => undefined);
    return !this.#stop.signal.aborted;
  }

  async #tick(turn: Turn, isDue: boolean): Promise<void> {
    const client = await this.#connect(turn);
    if (isDue && this.#lease !== undefined) {
      const isRenewed = await renewLease(client, this.#lease);
      turn.throwIfAborted();
      if (!isRenewed) this.#end(leaseLost());
    }
    if (isDue || this.#isCancellable) await this.#readCancellation(turn, client);
    if (this.#isCancellable) {
      const blockers = await findBlockers(client, this.#options.workPid);
      turn.throwIfAborted();
      this.#noteBlockers(blockers);
    }
    if (this.#hasNews) await this.#writeProgress(client);
    turn.throwIfAborted();
    if (this.#abort.signal.aborted) await this.#cancelStatement(client);
  }

  #noteBlockers(blockers: readonly Blocker[]): void {
    const nowMs = this.#options.clock.nowMs();
    if (blockers.length > 0 && this.#lookedMs !== undefined) this.#blockedMs += nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
    this.#blockers = blockers;
  }

  /** The connection there is, or another. One that comes when it was given up is closed: nobody else would. */
  async #connect(turn: Turn): Promise<Queryable> {
    if (this.#connection !== undefined) return this.#connection.client;
    const connection = await this.#options.open(turn, connectMs);
    if (turn.aborted) await connection.close();
    turn.throwIfAborted();
    this.#connection = connection;
    return connection.client;
  }

  async #readCancellation(turn: Turn, client: Queryable): Promise<void> {
    const found = await client.query<{ cancelled_by: string | null }>(
      "select cancelled_by from postern.runs where run_id = $1",
      [this.#options.runId],
    );
    turn.throwIfAborted();
    const cancelledBy = found.rows[0]?.cancelled_by ?? null;
    if (cancelledBy !== null) this.#end(new PosternError("run.cancelled", `The run was cancelled by ${cancelledBy}.`));
  }

  async #writeProgress(client: Queryable): Promise<void> {
    this.#hasNews = false;
    await client.query("update postern.runs set progress = $2 where run_id = $1", [
      this.#options.runId,
      JSON.stringify(this.#progress),
    ]);
  }

  #end(reason: PosternError): void {
    if (!this.#abort.signal.aborted) this.#abort.abort(reason);
  }

  async #cancelStatement(client: Queryable): Promise<void> {
    if (!this.#isCancellable) return;
    await client.query("select pg_cancel_backend($1)", [this.#options.workPid]);
  }

  /** Again and again: a cancel that comes before the statement does is lost. */
  async #cancelAfter(isOver: Promise<void>, done: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    await isOver.catch(() => undefined);
    while (!done.aborted) {
      await this.#ask(async (turn) => this.#cancelNow(turn));
      await clock.sleep(defaults.lookEveryMs, done).catch(() => undefined);
    }
  }

  async #cancelNow(turn: Turn): Promise<void> {
    await this.#cancelStatement(await this.#connect(turn));
  }

  async #dropConnection(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close().catch(() => undefined);
  }
}

/** Resolves when one of them is aborted. */
async function abortOf(signal: AbortSignal, done: AbortSignal): Promise<void> {
  const either = AbortSignal.any([signal, done]);
  if (!either.aborted) await once(either, "abort");
}
