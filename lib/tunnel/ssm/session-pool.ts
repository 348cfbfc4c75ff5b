import type { Clock } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { Log } from "#lib/base/log.ts";
import type { Link, LinkVitals } from "../transport.ts";
import { delayBefore } from "./channel/resume.ts";

export type SessionPoolOptions = {
  readonly open: (signal: AbortSignal) => Promise<Link>;
  readonly sessions: number;
  readonly clock: Clock;
  readonly log: Log;
};

/**
 * Several sessions as one link, since each is slow by its agent's pace: a new stream goes to the live one with the fewest.
 *
 * 1. All are opened at once. The pool is up with those that came; when none did, `open` rejects with why.
 * 2. One that ends is replaced behind it, as often as it takes; its streams have ended with it.
 * 3. When none is left, the pool has ended, with the reason of the last: whoever holds it knows better how to go on.
 */
export async function openSessionPool(options: SessionPoolOptions, signal: AbortSignal): Promise<Link> {
  const { open, sessions, clock, log } = options;
  const results = await Promise.allSettled(Array.from({ length: sessions }, async () => open(signal)));
  const links = new Set(results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])));
  const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  if (signal.aborted || links.size === 0) {
    await Promise.all([...links].map(async (link) => link[Symbol.asyncDispose]()));
    signal.throwIfAborted();
    throw toPosternError(failures[0]);
  }

  const ending = new AbortController();
  const { promise: ended, resolve: end } = Promise.withResolvers<PosternError | undefined>();
  const past = { bytesUp: 0, bytesDown: 0 };
  const work = new Set<Promise<void>>();

  function finish(reason: PosternError | undefined): void {
    if (ending.signal.aborted) return;
    ending.abort();
    end(reason);
  }

  async function watch(link: Link): Promise<void> {
    links.add(link);
    const reason = await link.ended;
    links.delete(link);
    const { bytesUp, bytesDown } = link.vitals();
    past.bytesUp += bytesUp;
    past.bytesDown += bytesDown;
    await link[Symbol.asyncDispose]();
    if (ending.signal.aborted) return;
    log.info("one session of several has ended", { code: reason?.code, why: reason?.message });
    if (links.size === 0) finish(reason ?? new PosternError("ssm.lost", "The last session was closed."));
    else track(replace());
  }

  async function replace(): Promise<void> {
    const link = await openAgain().catch(() => undefined);
    if (link === undefined) return; // stopped with the pool
    if (ending.signal.aborted) await link[Symbol.asyncDispose]();
    else await watch(link);
  }

  async function openAgain(): Promise<Link> {
    for (let attempt = 0; ; attempt += 1) {
      await clock.sleep(delayBefore({ attempt }), ending.signal);
      try {
        return await open(ending.signal);
      } catch (error) {
        ending.signal.throwIfAborted();
        const { code, message } = toPosternError(error);
        log.info("another session could not be opened yet", { attempt: attempt + 1, code, why: message });
      }
    }
  }

  function track(promise: Promise<void>): void {
    work.add(promise);
    void promise.finally(() => work.delete(promise));
  }

  for (const link of links) track(watch(link));
  for (const failure of failures) {
    log.info("one session of several could not be opened yet", { code: toPosternError(failure).code });
    track(replace());
  }

  return {
    ended,
    openStream: async (streamSignal) => {
      const link = leastLoaded(links);
      if (link === undefined) throw new PosternError("ssm.lost", "No session is open.");
      return link.openStream(streamSignal);
    },
    vitals: () => {
      const together = joinVitals([...links].map((link) => link.vitals()));
      const state = ending.signal.aborted ? "ended" : together.state;
      const { bytesUp, bytesDown } = past;
      return { ...together, state, bytesUp: together.bytesUp + bytesUp, bytesDown: together.bytesDown + bytesDown };
    },
    [Symbol.asyncDispose]: async () => {
      finish(undefined);
      await Promise.all([...links].map(async (link) => link[Symbol.asyncDispose]()));
      while (work.size > 0) await Promise.all(work);
    },
  };
}

/** A live one that no reader holds up before any other; one that is resuming last. */
function leastLoaded(links: ReadonlySet<Link>): Link | undefined {
  let [best] = links;
  for (const link of links) if (best === undefined || load(link) < load(best)) best = link;
  return best;
}

function load(link: Link): number {
  const { state, openStreams, isBusy } = link.vitals();
  return openStreams + (isBusy === true ? 1e5 : 0) + (state === "live" ? 0 : 1e6);
}

/** As good as the best of them; the traffic is of all. */
function joinVitals(vitals: readonly LinkVitals[]): LinkVitals {
  const roundTrips = vitals.flatMap(({ roundTripMs }) => (roundTripMs === undefined ? [] : [roundTripMs]));
  const sum = (field: "openStreams" | "bytesUp" | "bytesDown") => vitals.reduce((total, one) => total + one[field], 0);
  return {
    state: vitals.some(({ state }) => state === "live") || vitals.length === 0 ? "live" : "resuming",
    silentMs: vitals.length === 0 ? 0 : Math.min(...vitals.map(({ silentMs }) => silentMs)),
    ...(roundTrips.length === 0 ? {} : { roundTripMs: Math.min(...roundTrips) }),
    isBusy: vitals.some(({ isBusy }) => isBusy === true),
    openStreams: sum("openStreams"),
    bytesUp: sum("bytesUp"),
    bytesDown: sum("bytesDown"),
  };
}
