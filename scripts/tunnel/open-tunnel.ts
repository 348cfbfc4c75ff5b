import { type ErrorDocument, PosternError } from "#lib/base/errors.ts";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import { Tunnel, type TunnelOptions } from "#lib/tunnel/tunnel.ts";
import { namePortOwner } from "./port-taken.ts";

export type OpenOptions = TunnelOptions & {
  /** Gives up when it is not up by then, with the last reason. Default: tries for ever, or as `maxRetries` says. */
  readonly withinMs?: number | undefined;
  readonly stateFolder: string;
};

/**
 * Opens a tunnel of this process.
 *
 * @throws PosternError `port.taken`, with who has it; the reason why it cannot be up; `aborted`
 */
export async function openTunnel(options: OpenOptions, signal: AbortSignal): Promise<Tunnel> {
  const { withinMs, stateFolder, ...tunnelOptions } = options;
  const timeout = withinMs === undefined ? undefined : AbortSignal.timeout(withinMs);
  let last: ErrorDocument | undefined;
  const onEvent = (event: TunnelEvent) => {
    if ("reason" in event && event.reason !== undefined) last = event.reason;
    options.onEvent?.(event);
  };
  try {
    const stop = timeout === undefined ? signal : AbortSignal.any([signal, timeout]);
    return await Tunnel.connect({ ...tunnelOptions, onEvent }, stop);
  } catch (error) {
    signal.throwIfAborted();
    if (timeout?.aborted === true) {
      const late = `There was no way to the database within ${(withinMs ?? 0) / 1000} s.`;
      throw last === undefined ? new PosternError("tcp.timeout", late) : PosternError.fromDocument(last);
    }
    throw await namePortOwner(error, options.port ?? 0, options.bind ?? "127.0.0.1", stateFolder);
  }
}
