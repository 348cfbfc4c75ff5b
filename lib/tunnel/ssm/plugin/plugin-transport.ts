import { connect } from "node:net";
import { once } from "node:events";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { formatHostPort } from "#lib/base/host-port.ts";
import { unlessAborted, withDeadline } from "../../deadline.ts";
import type { Link, Transport } from "../../transport.ts";
import { createSessionApi, type SessionApi } from "../session/session-api.ts";
import { terminateSession } from "../channel/terminate.ts";
import { routeOf, sessionRequest, silence, type SsmTransportOptions } from "../transport.ts";
import type { PluginEvent } from "./plugin-output.ts";
import { startPlugin } from "./plugin-process.ts";
import { PluginStream } from "./plugin-stream.ts";

export type PluginTransportOptions = Omit<SsmTransportOptions, "paceBytesPerMs" | "sessions" | "keepAlive"> & {
  /** Program and first arguments. Default: `session-manager-plugin`, from the PATH. */
  readonly command?: readonly [string, ...string[]];
  /** From its start to its open port. Default 15 s: it hangs once in a while. */
  readonly readyWithinMs?: number;
};

const defaults = { command: ["session-manager-plugin"], readyWithinMs: 15_000 } as const;

/**
 * Sessions of Session Manager, spoken by AWS's own plugin (`--engine plugin`): for whoever trusts nothing else, and to tell
 * whose fault something is. It listens on a port of its own, to which the streams connect.
 */
export function pluginTransport(options: PluginTransportOptions): Transport {
  return {
    kind: "ssm",
    route: `${routeOf(options)} (session-manager-plugin)`,
    connect: async (signal) => {
      const api = createSessionApi(options.access, options.region);
      try {
        return await openPluginLink(options, api, signal);
      } catch (error) {
        api[Symbol.dispose]();
        throw error;
      }
    },
  };
}

/** (1) StartSession, (2) the plugin, (3) its port. On failure or abort both are ended. */
async function openPluginLink(options: PluginTransportOptions, api: SessionApi, signal: AbortSignal): Promise<Link> {
  const { clock = systemClock, log = silence, access } = options;
  const { command = defaults.command, readyWithinMs = defaults.readyWithinMs } = options;
  const request = sessionRequest(options);
  const session = await api.start(request, signal);
  const terminate = async () => terminateSession({ sessionId: session.id, api, clock, log });
  const book = createBook(clock);
  const ready = Promise.withResolvers<number>();
  const { promise: ended, resolve: resolveEnded } = Promise.withResolvers<PosternError | undefined>();
  let isOver = false;
  let port = 0;

  function end(reason: PosternError | undefined): void {
    if (isOver) return;
    isOver = true;
    const whole = reason ?? new PosternError("ssm.lost", "The tunnel was closed.");
    ready.reject(whole);
    book.destroyAll(whole);
    resolveEnded(reason);
  }

  function take(event: PluginEvent): void {
    switch (event.event) {
      case "port":
        port = event.port;
        return;
      case "waiting":
        ready.resolve(port);
        return;
      case "refused":
        book.refuse(new PosternError("ssm.refused", `The bastion could not connect to ${formatHostPort(options)}.`));
        return;
      case "ended":
        end(new PosternError("ssm.session-ended", `The session ${session.id} was ended: ${event.why}`));
        return;
      case "failed":
        end(new PosternError("ssm.plugin-failed", `session-manager-plugin: ${event.why}`));
    }
  }

  const stack = new AsyncDisposableStack();
  stack.defer(terminate);
  const abort = () => end(new PosternError("aborted", "Stopped before the plugin was ready."));
  ready.promise.catch(() => undefined);
  signal.addEventListener("abort", abort, { once: true });
  try {
    const region = options.region ?? access.region ?? (await api.findRegion());
    const lost = (lastWords: string) =>
      end(
        new PosternError("ssm.plugin-failed", `session-manager-plugin has ended (${lastWords || "without a word"}).`),
      );
    const plugin = { command, session, request, access, region, clock, onEvent: take, onExit: lost };
    stack.use(await startPlugin(plugin));
    if (signal.aborted) abort();
    const late = () =>
      new PosternError("ssm.handshake", `session-manager-plugin opened no port within ${readyWithinMs / 1000} s.`);
    await withDeadline(readyWithinMs, { clock, signal, late }, async (stop) => unlessAborted(ready.promise, stop));
  } catch (error) {
    end(undefined);
    await stack.disposeAsync();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }

  return {
    ended,
    openStream: async (streamSignal) => {
      streamSignal.throwIfAborted();
      if (isOver) throw (await ended) ?? new PosternError("ssm.lost", "The tunnel was closed.");
      return book.connect(port, streamSignal);
    },
    vitals: () => ({ state: isOver ? "ended" : "live", ...book.vitals() }),
    [Symbol.asyncDispose]: async () => {
      end(undefined);
      await stack.disposeAsync();
      api[Symbol.dispose]();
    },
  };
}

/** The connections to the plugin's port, and what went through them. */
function createBook(clock: Clock) {
  const streams = new Set<PluginStream>();
  const past = { up: 0, down: 0 };
  let heardAtMs = clock.nowMs();
  let lastDown = 0;

  async function open(port: number, signal: AbortSignal): Promise<PluginStream> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true, allowHalfOpen: false });
    const abort = () => socket.destroy(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await once(socket, "connect");
    } catch (cause) {
      signal.throwIfAborted();
      throw new PosternError("ssm.plugin-failed", "session-manager-plugin does not answer on its port.", { cause });
    } finally {
      signal.removeEventListener("abort", abort);
    }
    const stream = new PluginStream(socket);
    stream.on("close", () => {
      streams.delete(stream);
      past.up += stream.bytesUp;
      past.down += stream.bytesDown;
    });
    streams.add(stream);
    return stream;
  }

  return {
    connect: open,
    /** It is not said which; of those that have brought nothing, the oldest. */
    refuse: (reason: Error) => {
      const silent = [...streams].find(({ isSilent }) => isSilent);
      silent?.destroy(reason);
    },
    destroyAll: (reason: Error) => {
      for (const stream of streams) stream.destroy(reason);
    },
    vitals: () => {
      const all = [...streams];
      const down = past.down + all.reduce((sum, { bytesDown }) => sum + bytesDown, 0);
      const up = past.up + all.reduce((sum, { bytesUp }) => sum + bytesUp, 0);
      if (down !== lastDown) {
        lastDown = down;
        heardAtMs = clock.nowMs();
      }
      return { silentMs: clock.nowMs() - heardAtMs, openStreams: all.length, bytesUp: up, bytesDown: down };
    },
  };
}
