import { randomUUID } from "node:crypto";
import type { Clock } from "#lib/base/clock.ts";
import type { OpenDataChannel } from "#lib/ssm-protocol/open-data-channel.ts";
import type { StartedSession } from "../session/session.ts";
import type { SessionApi } from "../session/session-api.ts";
import { UpgradeRefused } from "../session/upgrade-refused.ts";
import { type ChannelSocket, dialChannel, type SocketEnd } from "./channel-socket.ts";
import { clientVersion } from "./handshake.ts";
import { type LivenessTimes, untilSilent } from "./liveness.ts";

export type SessionSocketOptions = LivenessTimes & {
  readonly session: StartedSession;
  /** The same for all sockets of the session. */
  readonly clientId: string;
  readonly api: Pick<SessionApi, "signUpgrade" | "explainUpgrade">;
  readonly clock: Clock;
  readonly onFrame: (frame: Uint8Array) => void;
  readonly onPong: () => void;
  readonly hasPonged: () => boolean;
  readonly heardAtMs: () => number;
  readonly isReading: () => boolean;
  readonly onClosed: (end: SocketEnd) => void;
};

/**
 * A socket for the session: signed, dialled, and the first frame sent, which nothing answers. One that falls silent is
 * dropped, and thus closed.
 *
 * @throws PosternError; on abort it rejects with the signal's reason
 */
export async function dialSession(
  options: SessionSocketOptions,
  token: string,
  signal: AbortSignal,
): Promise<ChannelSocket> {
  const { session, api, clientId, onFrame, onPong, onClosed } = options;
  const headers = await api.signUpgrade(session.streamUrl);
  const closed = new AbortController();
  const events = {
    onFrame,
    onPong,
    onClosed: (end: SocketEnd) => {
      closed.abort();
      onClosed(end);
    },
  };
  const socket = await dialChannel({ url: session.streamUrl, headers, events, signal }).catch((error: unknown) => {
    throw error instanceof UpgradeRefused ? api.explainUpgrade(error, session.id) : error;
  });
  const hello: OpenDataChannel = {
    MessageSchemaVersion: "1.0",
    RequestId: randomUUID(),
    TokenValue: token,
    ClientId: clientId,
    ClientVersion: clientVersion,
  };
  socket.send(JSON.stringify(hello));
  void dropWhenSilent(socket, { ...options, ping: socket.ping }, closed.signal);
  return socket;
}

/** Dropped, not closed: nobody would answer the closing. */
async function dropWhenSilent(
  socket: ChannelSocket,
  liveness: Parameters<typeof untilSilent>[0],
  signal: AbortSignal,
): Promise<void> {
  try {
    await untilSilent(liveness, signal);
    socket.drop();
  } catch {
    // It has closed.
  }
}
