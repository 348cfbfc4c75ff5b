import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { Log } from "#lib/base/log.ts";
import { decodeMessage, type Message, messageTypes } from "#lib/ssm-protocol/message.ts";
import { decodeChannelClosed } from "#lib/ssm-protocol/payloads.ts";

export type FrameReaderOptions = {
  readonly sessionId: string;
  readonly log: Log;
  /** One with a number in its stream, or an acknowledgement. Throws for one that is no such thing after all. */
  readonly onMessage: (message: Message) => void;
  /** `isOver`: on AWS's side it is already. */
  readonly onEnd: (reason: PosternError, facts: { readonly isOver: boolean }) => void;
};

/** Takes the frames of a session, whichever socket they came through. Never throws. */
export type FrameReader = (frame: Uint8Array) => void;

/** Frames in a row that are no message; a single one is dropped like a lost one, and comes again. */
const maxUnreadableFrames = 16;

/** What comes through a session's sockets: messages of the agent, and the service's own word on the session. */
export function createFrameReader({ sessionId, log, onMessage, onEnd }: FrameReaderOptions): FrameReader {
  let unreadable = 0;

  function take(message: Message): void {
    switch (message.type) {
      case messageTypes.output:
      case messageTypes.acknowledge:
        onMessage(message);
        return;
      case messageTypes.channelClosed: {
        const { Output } = decodeChannelClosed(message.payload);
        const why = (Output ?? "") === "" ? "no reason was given" : (Output ?? "");
        onEnd(new PosternError("ssm.session-ended", `The session ${sessionId} was ended: ${why}`), { isOver: true });
        return;
      }
      case messageTypes.pausePublication:
      case messageTypes.startPublication:
        // What the agent misses while it is away goes again until it is back.
        log.info("the agent left the session, or came to it", { session: sessionId, type: message.type });
        return;
      case messageTypes.input:
      case messageTypes.agentSessionState:
      default:
      // For the other side, or of a newer service.
    }
  }

  return (frame) => {
    try {
      take(decodeMessage(frame));
      unreadable = 0;
    } catch (error) {
      const reason = toPosternError(error);
      unreadable += 1;
      log.warn("a frame of the session was unreadable", { why: reason.message });
      if (unreadable >= maxUnreadableFrames) onEnd(reason, { isOver: false });
    }
  };
}
