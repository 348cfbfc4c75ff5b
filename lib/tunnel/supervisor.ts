import type { Duplex } from "node:stream";
import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import { AddressWatch, type Resolve } from "./address-watch.ts";
import { backOffMs, type BackOffPolicy } from "./back-off.ts";
import { withDeadline } from "./deadline.ts";
import type { TunnelOccurrence } from "./events.ts";
import { askPostgres } from "./health.ts";
import { Interruptible } from "./interruptible.ts";
import { LinkBook } from "./link-book.ts";
import { checkDeadlineMs, checkLink, isResuming } from "./link-check.ts";
import type { TunnelState } from "./state.ts";
import { isLasting, type Link, type Transport } from "./transport.ts";
import { judgeSilence, type SilenceMeaning } from "./silence.ts";
import { WaitingRoom } from "./waiting-room.ts";
import { watchForWaking } from "./wake-up.ts";

export type SupervisorOptions = {
  readonly transport: Transport;
  /** Attempts after the first that failed, in a row, before it gives up. Default: for ever. */
  readonly maxRetries?: number | undefined;
  /** Default 15 000. */
  readonly healthIntervalMs?: number | undefined;
  /** PostgreSQL's answer is waited for so long. Default 4000. */
  readonly healthDeadlineMs?: number | undefined;
  /** A transport's `connect` may take so long. Default 30 000. */
  readonly connectDeadlineMs?: number | undefined;
  readonly backOff?: BackOffPolicy | undefined;
  /** Default: a name's new address is not noticed until the link fails. */
  readonly resolve?: Resolve | undefined;
  readonly clock?: Clock | undefined;
  /** From 0 up to 1. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  readonly onOccurrence?: ((occurrence: TunnelOccurrence) => void) | undefined;
};

type Settings = Readonly<Record<"maxRetries" | "healthIntervalMs" | "healthDeadlineMs" | "connectDeadlineMs", number>>;

const defaults: Settings = Object.freeze({
  maxRetries: Number.POSITIVE_INFINITY,
  healthIntervalMs: 15_000,
  healthDeadlineMs: 4_000,
  connectDeadlineMs: 30_000,
});

/** From the first check that failed to the second. */
const secondCheckMs = 500;
/** A link that lived shorter counts as one more failure, so that one that flaps is not redialled without pause. */
const stableMs = 2_000;
/** A link that begins to resume says so nowhere but in its vitals, which are looked at this often. */
const lookEveryMs = 1_000;
/** A stream that could not be opened through a living link is tried again after this. */
const openAgainMs = 200;

/**
 * Keeps one link to the database, for as long as it is not disposed. The states and their moves are in state.ts.
 *
 * 1. Opens a link and asks PostgreSQL through it. For what failed, the next attempt comes after a pause (back-off.ts).
 * 2. While up: asks again every `healthIntervalMs`, when a stream could not be opened, when the link resumes, and when the
 *    machine woke.
 * 3. Redials when the link ended (at once), when PostgreSQL did not answer twice (but see silence.ts), and when the
 *    database's name leads elsewhere. The old link is disposed, which ends its streams.
 *
 * However it ends, every link is disposed and no timer is left.
 */
export class Supervisor implements AsyncDisposable {
  /** Resolves when it is closed, with the reason where it was not asked to. Never rejects. */
  readonly ended: Promise<PosternError | undefined>;
  readonly links = new LinkBook();
  readonly #options: SupervisorOptions;
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #addresses: AddressWatch;
  readonly #now = new Interruptible();
  readonly #life = new AbortController();
  readonly #waiting: WaitingRoom;
  #state: TunnelState = { name: "connecting", attempt: 1 };
  #hasWoken = false;
  #isAsked = false;
  #upCount = 0;
  #failedAttempts = 0;
  #answerMs: number | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#waiting = new WaitingRoom(this.#clock);
    this.#settings = {
      maxRetries: options.maxRetries ?? defaults.maxRetries,
      healthIntervalMs: options.healthIntervalMs ?? defaults.healthIntervalMs,
      healthDeadlineMs: options.healthDeadlineMs ?? defaults.healthDeadlineMs,
      connectDeadlineMs: options.connectDeadlineMs ?? defaults.connectDeadlineMs,
    };
    this.#addresses = new AddressWatch(options.resolve, this.#clock);
    this.ended = this.#live();
  }

  get state(): TunnelState {
    return this.#state;
  }

  get reconnects(): number {
    return Math.max(0, this.#upCount - 1);
  }

  /** Attempts at a link that failed, since the start. */
  get failedAttempts(): number {
    return this.#failedAttempts;
  }

  /** As the link measures it, else how long PostgreSQL took for its last answer. */
  get roundTripMs(): number | undefined {
    return this.links.current?.vitals().roundTripMs ?? this.#answerMs;
  }

  /** The link, as soon as there is one that PostgreSQL answers through and that does not resume. Rejects on abort, and when it is closed. */
  async whenUp(signal: AbortSignal): Promise<Link> {
    signal.throwIfAborted();
    if (this.#state.name === "up" && !isResuming(this.#state.link)) return this.#state.link;
    if (this.#state.name === "closed") throw closedError(this.#state.reason);
    const admitted = this.#waiting.wait(signal);
    // The pause before the next attempt is shorter now, and a link that resumes is noticed.
    this.#now.nudge();
    return await admitted;
  }

  /** A stream to the database, through whatever link there is in time. Rejects on abort, and when it is closed. */
  async openStream(signal: AbortSignal): Promise<Duplex> {
    for (;;) {
      const link = await this.whenUp(signal);
      try {
        return await link.openStream(signal);
      } catch {
        signal.throwIfAborted();
        this.checkSoon();
        await this.#clock.sleep(openAgainMs, signal);
      }
    }
  }

  /** A client waits for the database's first answer, through whatever link, until what is returned is disposed. */
  expectAnswer(): Disposable {
    return this.#waiting.enter();
  }

  /** Somebody has met a failure: PostgreSQL is asked now, not when it is due. */
  checkSoon(): void {
    this.#isAsked = true;
    this.#now.nudge();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life.abort();
    this.#now.close();
    await this.ended;
  }

  async #live(): Promise<PosternError | undefined> {
    const watching = watchForWaking(this.#clock, () => this.#wake(), this.#life.signal);
    const reason = await this.#keepLink().catch(toPosternError);
    this.#life.abort();
    this.#now.close();
    this.#enter({ name: "closed", ...(reason === undefined ? {} : { reason }) });
    await Promise.all([watching, this.links.closeAll()]);
    this.#tell({ event: "closed", ...(reason === undefined ? {} : { reason: reason.toDocument() }) });
    return reason;
  }

  /** Goes round until there is a reason to end, or it is disposed. */
  async #keepLink(): Promise<PosternError | undefined> {
    let failures = 0;
    let outageStartMs = this.#clock.nowMs();
    for (;;) {
      const outcome = await this.#dial().catch(toPosternError);
      if (this.#isClosing) return undefined;
      // What was under way while the machine slept is dead, and says nothing: once more, at once.
      if (outcome instanceof PosternError && this.#takeWoken()) continue;
      let reason: PosternError;
      let isSudden = false;
      if (outcome instanceof PosternError) {
        reason = outcome;
        this.#failedAttempts += 1;
        failures += 1;
        if (this.#upCount === 0 && isLasting(reason.code)) return reason;
      } else {
        const upMs = this.#clock.nowMs();
        this.#upCount += 1;
        this.#comeUp(outcome, outageStartMs);
        reason = await this.#watch(outcome);
        this.links.retire();
        if (this.#isClosing) return undefined;
        outageStartMs = this.#clock.nowMs();
        isSudden = outageStartMs - upMs >= stableMs;
        failures = isSudden ? 0 : failures + 1;
        this.#tell({ event: "down", reason: reason.toDocument() });
      }
      if (failures > this.#settings.maxRetries) return this.#giveUp(failures, reason);
      await this.#backOff({ failures, reason, outageStartMs, isSudden });
    }
  }

  /** A link that PostgreSQL answers through. After a failure nothing of it is left. */
  async #dial(): Promise<Link> {
    return await this.#now.run(async (signal) => {
      const { connectDeadlineMs, healthDeadlineMs } = this.#settings;
      const late = () => new PosternError("tcp.timeout", `No link within ${connectDeadlineMs / 1000} s.`);
      const context = { clock: this.#clock, signal, late };
      const link = await withDeadline(connectDeadlineMs, context, async (stop) => {
        return await this.#options.transport.connect(stop);
      });
      this.links.open(link);
      try {
        this.#answerMs = await askPostgres(link, { clock: this.#clock, signal, deadlineMs: healthDeadlineMs });
        return link;
      } catch (error) {
        this.links.retire();
        throw error;
      }
    });
  }

  /** @returns why another link is needed, or anything when it is closing */
  async #watch(link: Link): Promise<PosternError> {
    const fate: { hasEnded: boolean; reason: PosternError | undefined } = { hasEnded: false, reason: undefined };
    const follow = async (): Promise<void> => {
      fate.reason = await link.ended;
      fate.hasEnded = true;
      // One that is replaced ends during the next attempt, which that does not concern.
      if (this.links.current === link) this.#now.interrupt();
    };
    void follow();
    this.#isAsked = false;
    await this.#now.run(async (signal) => this.#addresses.remember(signal));
    let dueMs = this.#clock.nowMs() + this.#settings.healthIntervalMs;
    for (;;) {
      // Also those who came while it resumed, where it is back before that was noticed.
      this.#admitIfUp();
      const waitMs = dueMs - this.#clock.nowMs();
      const hasNews = () => fate.hasEnded || this.#isAsked || this.#hasWoken || this.#isLosing(link);
      if (!hasNews() && waitMs > 0) await this.#now.pause(Math.min(waitMs, lookEveryMs), this.#clock);
      if (fate.hasEnded || this.#isClosing) return fate.reason ?? lostError();
      const hasWoken = this.#takeWoken();
      if (!hasWoken && !hasNews() && this.#clock.nowMs() < dueMs) continue;
      const isDoubted = this.#isAsked || this.#state.name === "degraded";
      this.#isAsked = false;

      const { bytesDown } = link.vitals();
      const deadlineMs = checkDeadlineMs(this.#settings.healthDeadlineMs, { hasWoken, isDoubted });
      const found = await this.#now.run(async (signal) => {
        return await checkLink(link, this.#addresses, { clock: this.#clock, signal, deadlineMs });
      });
      if (found.kind !== "failed") this.#answerMs = found.answerMs;
      // Interrupted: the loop's beginning knows by what.
      if (fate.hasEnded || this.#isClosing || this.#hasWoken) continue;
      if (found.kind === "moved") return found.reason;
      const meaning = found.kind === "answered" ? "well" : this.#judge(link, { hasWoken, bytesDown });
      if (found.kind === "failed" && meaning === "replace") return found.reason;
      if (found.kind === "failed" && meaning === "doubt") this.#doubt(link, found.reason);
      if (meaning === "well" && this.#state.name === "degraded") this.#comeUp(link, this.#state.sinceMs);
      dueMs = this.#clock.nowMs() + (this.#state.name === "degraded" ? secondCheckMs : this.#settings.healthIntervalMs);
    }
  }

  #judge(link: Link, before: { readonly hasWoken: boolean; readonly bytesDown: number }): SilenceMeaning {
    const vitals = link.vitals();
    return judgeSilence({
      vitals,
      hasDelivered: vitals.bytesDown > before.bytesDown,
      hasWoken: before.hasWoken,
      awaitedMs: this.#waiting.awaitedMs,
      doubtedMs: this.#state.name === "degraded" ? this.#clock.nowMs() - this.#state.sinceMs : undefined,
    });
  }

  #doubt(link: Link, reason: PosternError): void {
    if (this.#state.name === "degraded") return;
    this.#enter({ name: "degraded", link, sinceMs: this.#clock.nowMs(), reason });
    this.#tell({ event: "degraded", reason: reason.toDocument() });
  }

  async #backOff(setback: {
    readonly failures: number;
    readonly reason: PosternError;
    readonly outageStartMs: number;
    /** The link had lived: there is no reason yet to believe that the next attempt fails. */
    readonly isSudden: boolean;
  }): Promise<void> {
    const { failures, reason, outageStartMs, isSudden } = setback;
    const random = (this.#options.random ?? Math.random)();
    const startMs = this.#clock.nowMs();
    const outageMs = startMs - outageStartMs;
    const delayMs = () => {
      const isAwaited = !this.#waiting.isEmpty;
      return isSudden ? 0 : backOffMs({ failures, isAwaited, outageMs }, random, this.#options.backOff);
    };
    const attempt = failures + 1;
    this.#enter({ name: this.#upCount === 0 ? "connecting" : "reconnecting", attempt, reason });
    this.#tell({ event: "reconnecting", attempt, delayMs: delayMs(), reason: reason.toDocument() });
    while (!this.#isClosing && !this.#takeWoken()) {
      const leftMs = startMs + delayMs() - this.#clock.nowMs();
      if (leftMs <= 0) return;
      await this.#now.pause(leftMs, this.#clock);
    }
  }

  #comeUp(link: Link, outageStartMs: number): void {
    this.#enter({ name: "up", link, sinceMs: this.#clock.nowMs() });
    this.#tell({ event: "up", reconnects: this.reconnects, ms: elapsedMs(this.#clock, outageStartMs) });
  }

  #giveUp(attempts: number, reason: PosternError): PosternError {
    this.#tell({ event: "maxRetriesExceeded", attempts, reason: reason.toDocument() });
    return new PosternError(
      "tunnel.max-retries",
      `The tunnel gave up after ${attempts} failures in a row, of which the last was: ${reason.message} [${reason.code}]`,
      // What is to be done about that one is what helps.
      { hint: reason.hint, cause: reason },
    );
  }

  #enter(state: TunnelState): void {
    this.#state = state;
    this.#admitIfUp();
    if (state.name === "closed") this.#waiting.turnAway(closedError(state.reason));
  }

  #admitIfUp(): void {
    if (this.#state.name === "up" && !isResuming(this.#state.link)) this.#waiting.admit(this.#state.link);
  }

  /** It resumes, and is not known to. */
  #isLosing(link: Link): boolean {
    return this.#state.name === "up" && isResuming(link);
  }

  #wake(): void {
    this.#hasWoken = true;
    this.#now.interrupt();
  }

  #takeWoken(): boolean {
    const hasWoken = this.#hasWoken;
    this.#hasWoken = false;
    return hasWoken;
  }

  get #isClosing(): boolean {
    return this.#life.signal.aborted;
  }

  #tell(occurrence: TunnelOccurrence): void {
    this.#options.onOccurrence?.(occurrence);
  }
}

function closedError(reason: PosternError | undefined): PosternError {
  return reason ?? new PosternError("aborted", "The tunnel was closed.");
}

function lostError(): PosternError {
  return new PosternError("endpoint.closed", "The link ended without a reason.");
}
