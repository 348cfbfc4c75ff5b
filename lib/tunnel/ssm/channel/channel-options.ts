import type { Clock } from "#lib/base/clock.ts";
import type { Log } from "#lib/base/log.ts";
import type { StartedSession } from "../session/session.ts";
import type { SessionApi } from "../session/session-api.ts";
import type { LivenessTimes } from "./liveness.ts";
import type { ReliableStreamOptions } from "./reliable-stream.ts";

export type DataChannelOptions = Omit<ReliableStreamOptions, "sends"> &
  LivenessTimes & {
    readonly session: StartedSession;
    readonly api: Pick<SessionApi, "resume" | "terminate" | "signUpgrade" | "explainUpgrade">;
    readonly clock: Clock;
    readonly log: Log;
    /** From the open socket to the end of the handshake. Default 15 s, as long as the agent waits. */
    readonly handshakeTimeoutMs?: number;
    /** Without an acknowledgement for so long, the session counts as lost. Default 5 minutes, as the official client has it. */
    readonly giveUpMs?: number;
  };

export const channelDefaults = Object.freeze({ handshakeTimeoutMs: 15_000, giveUpMs: 300_000 });
