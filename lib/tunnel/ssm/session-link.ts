import type { Duplex } from "node:stream";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { Log } from "#lib/base/log.ts";
import { flags } from "#lib/ssm-protocol/payloads.ts";
import { encodeSmuxHeader } from "#lib/ssm-protocol/smux.ts";
import type { SessionFeatures } from "#lib/ssm-protocol/versions.ts";
import type { Link, LinkVitals } from "../transport.ts";
import { createBasicMode } from "./basic-mode.ts";
import type { DataChannelOptions } from "./channel/channel-options.ts";
import { type ChannelConsumer, DataChannel } from "./channel/data-channel.ts";
import { failUnanswered } from "./first-answer.ts";
import { createMux } from "./mux.ts";
import type { SessionRequest } from "./session/session.ts";
import type { SessionApi } from "./session/session-api.ts";

export type SessionLinkOptions = Omit<DataChannelOptions, "session" | "api"> & {
  readonly api: SessionApi;
  readonly request: SessionRequest;
  /** For people: "db.internal:5432". */
  readonly destination: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Sends a NOP now and then, so that an idle session is not ended. Default false: that limit is its organisation's. */
  readonly keepAlive?: boolean;
  /** Of the multiplexer; see `MuxOptions`. */
  readonly frameBytes?: number;
  /** How long the very first answer may take. Default 4 s. */
  readonly answerWithinMs?: number;
};

/** Old agents end a session in which nothing came for 30 s. */
const keepAliveMs = { needed: 10_000, wanted: 30_000 } as const;

/** The streams of a session, multiplexed or one at a time. */
type Streams = ChannelConsumer & {
  readonly open: (signal: AbortSignal) => Promise<Duplex>;
  readonly counts: () => Pick<LinkVitals, "isBusy" | "openStreams" | "bytesUp" | "bytesDown">;
  readonly close: (reason: Error) => void;
};

/**
 * One session as a link: (1) StartSession, (2) the data channel and its handshake, (3) streams as the agent's version
 * has them. On failure or abort the session is terminated and nothing is left open.
 *
 * @throws PosternError whose code is a `TransportReason`
 */
export async function openSessionLink(options: SessionLinkOptions, signal: AbortSignal): Promise<Link> {
  const { api, request } = options;
  const session = await api.start(request, signal);
  let streams: Streams | undefined;
  const channel = await DataChannel.open(
    { ...options, session },
    (open, features) => {
      streams = features.multiplexes ? multiplexed(open, options) : oneAtATime(open, options);
      if (features.multiplexes) void keepAlive(open, features, options);
      return streams;
    },
    signal,
  );
  if (streams === undefined) throw new PosternError("internal", "A channel was open before its streams were made.");
  const { open, counts, close } = streams;
  const ended = channel.ended.then((reason) => {
    close(reason ?? closed());
    return reason;
  });
  const watchOnce = once(() => void failUnanswered(channel, { ...options, counts }));

  return {
    ended,
    openStream: async (streamSignal) => {
      streamSignal.throwIfAborted();
      const stream = await open(streamSignal);
      watchOnce();
      return stream;
    },
    vitals: () => {
      const { state, silentMs, roundTripMs } = channel;
      return {
        state: state === "opening" ? "resuming" : state,
        silentMs,
        ...(roundTripMs === undefined ? {} : { roundTripMs }),
        ...counts(),
      };
    },
    [Symbol.asyncDispose]: async () => {
      close(closed());
      await channel[Symbol.asyncDispose]();
      await ended;
    },
  };
}

function multiplexed(channel: DataChannel, { destination, frameBytes }: SessionLinkOptions): Streams {
  const mux = createMux(channel, frameBytes === undefined ? {} : { frameBytes });
  return {
    open: async () => mux.openStream(),
    onBytes: (bytes) => mux.receive(bytes),
    onFlag: (flag) => {
      if (flag === flags.connectToPortError) mux.refuseNext(refused(destination));
    },
    counts: () => {
      const { isFull: isBusy, openStreams, bytesUp, bytesDown } = mux;
      return { isBusy, openStreams, bytesUp, bytesDown };
    },
    close: (reason) => mux.close(reason),
  };
}

function oneAtATime(channel: DataChannel, { destination }: SessionLinkOptions): Streams {
  const basic = createBasicMode({
    write: async (bytes) => channel.write(bytes),
    sendFlag: async (flag) => channel.sendFlag(flag),
  });
  return {
    open: basic.openStream,
    onBytes: basic.receive,
    onFlag: (flag) => {
      if (flag === flags.connectToPortError) basic.refuse(refused(destination));
    },
    counts: () => {
      const { openStreams, bytesUp, bytesDown } = basic;
      return { isBusy: openStreams > 0, openStreams, bytesUp, bytesDown };
    },
    close: basic.close,
  };
}

function refused(destination: string): PosternError {
  return new PosternError("ssm.refused", `The bastion could not connect to ${destination}.`);
}

function closed(): PosternError {
  return new PosternError("ssm.lost", "The tunnel was closed.");
}

function once(act: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
  };
}

/** Whole frames are written at a time, so that one more may come between any two. */
async function keepAlive(channel: DataChannel, features: SessionFeatures, options: SessionLinkOptions): Promise<void> {
  if (!features.needsKeepAlive && options.keepAlive !== true) return;
  const stop = new AbortController();
  void channel.ended.then(() => stop.abort());
  const everyMs = features.needsKeepAlive ? keepAliveMs.needed : keepAliveMs.wanted;
  try {
    for (;;) {
      await options.clock.sleep(everyMs, stop.signal);
      await channel.write(encodeSmuxHeader("nop", 0));
    }
  } catch {
    // The channel has ended, and says so itself.
  }
}
