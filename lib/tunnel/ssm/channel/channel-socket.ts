import type { Writable } from "node:stream";
import { type RawData, WebSocket } from "ws";
import { PosternError } from "#lib/base/errors.ts";
import { UpgradeRefused } from "../session/upgrade-refused.ts";

/** One WebSocket of a session, which may need several in its life. */
export type ChannelSocket = {
  /** `whenSent`: the system has taken it. */
  readonly send: (frame: Uint8Array | string, whenSent?: () => void) => void;
  /** What is sent within goes out together. */
  readonly batch: (send: () => void) => void;
  /** What was sent and the system has not taken. */
  readonly bufferedBytes: () => number;
  readonly ping: () => void;
  /** Reads no more, pongs and closing included; a little that was read already may still come. */
  readonly pause: () => void;
  readonly unpause: () => void;
  /** Says that it closes, and waits for the answer; what was sent before goes out. */
  readonly close: () => void;
  /** At once. */
  readonly drop: () => void;
};

export type ChannelSocketEvents = {
  readonly onFrame: (frame: Uint8Array) => void;
  readonly onPong: () => void;
  /** Once, unless `dial` rejected; also after `close` and `drop`. For people: why, as far as it is known. */
  readonly onClosed: (end: SocketEnd) => void;
};

export type SocketEnd = {
  readonly why: string;
  /** What came cannot be read: another socket would not help. */ readonly isFatal: boolean;
};

export type DialOptions = {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly events: ChannelSocketEvents;
  readonly signal: AbortSignal;
};

/** The official client takes 64 KiB; agents send 1 KiB. */
const maxFrameBytes = 256 * 1024;
const upgradeTimeoutMs = 10_000;

/**
 * Opens it. On abort it rejects with the signal's reason; whatever fails, no socket is left.
 *
 * @throws UpgradeRefused; PosternError `ssm.lost` where nothing answered
 */
export async function dialChannel({ url, headers, events, signal }: DialOptions): Promise<ChannelSocket> {
  signal.throwIfAborted();
  const socket = new WebSocket(url, {
    headers: { ...headers },
    perMessageDeflate: false,
    maxPayload: maxFrameBytes,
    handshakeTimeout: upgradeTimeoutMs,
    followRedirects: false,
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => {
    reject(signal.reason);
    socket.terminate();
  };
  let failure: Error | undefined;
  socket.on("error", (error) => {
    failure ??= error;
    reject(lost(url, error));
  });
  socket.once("unexpected-response", (request, response) => {
    reject(new UpgradeRefused(response.statusCode ?? 0, response.headers.date));
    request.destroy();
  });
  let carrier: Writable | undefined;
  socket.once("upgrade", (response) => {
    carrier = response.socket;
  });
  socket.once("open", resolve);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", abort);
  }
  socket.on("message", (data, isBinary) => {
    if (isBinary) events.onFrame(bytesOf(data));
  });
  socket.on("pong", events.onPong);
  socket.once("close", (code, reason) => events.onClosed(describeEnd(code, reason.toString(), failure)));
  // It may have closed while this function was waking up.
  if (socket.readyState === WebSocket.CLOSED) {
    throw lost(url, failure ?? new Error("it closed as soon as it was open"));
  }

  return {
    send: (frame, whenSent) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame, { binary: typeof frame !== "string" }, whenSent);
    },
    batch: (send) => {
      carrier?.cork();
      send();
      carrier?.uncork();
    },
    bufferedBytes: () => socket.bufferedAmount,
    ping: () => {
      if (socket.readyState === WebSocket.OPEN) socket.ping("keepalive");
    },
    pause: () => socket.pause(),
    unpause: () => socket.resume(),
    close: () => socket.close(1000),
    drop: () => socket.terminate(),
  };
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

function lost(url: URL, error: Error): PosternError {
  const { code } = error as NodeJS.ErrnoException;
  return new PosternError("ssm.lost", `${url.host} cannot be reached: ${code ?? error.message}.`, { cause: error });
}

function describeEnd(code: number, reason: string, failure: Error | undefined): SocketEnd {
  const { code: errorCode } = (failure ?? {}) as NodeJS.ErrnoException;
  // ws names what it cannot read: a frame over the limit, a mask, a reserved bit.
  const isFatal = errorCode?.startsWith("WS_ERR_") === true;
  if (failure !== undefined) return { why: failure.message, isFatal };
  return { why: `closed with ${code}${reason === "" ? "" : ` (${reason})`}`, isFatal };
}
