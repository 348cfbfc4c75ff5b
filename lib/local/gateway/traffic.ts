import { type Message, payloadTypes } from "#lib/ssm-protocol/message.ts";

/** As the service sees it pass, before faults. */
export type Traffic = {
  /** By type. */
  readonly messages: Readonly<Record<string, number>>;
  /** Whole messages. */
  readonly bytes: number;
  /** Payloads with data of the session; what was sent again counts again. */
  readonly dataBytes: number;
  /** What is no message; dropped. */
  readonly unreadable: number;
};

export function createTraffic() {
  const messages: Record<string, number> = {};
  let bytes = 0;
  let dataBytes = 0;
  return {
    unreadable: 0,
    count({ type, payloadType, payload }: Message, sizeBytes: number): void {
      messages[type] = (messages[type] ?? 0) + 1;
      bytes += sizeBytes;
      if (payloadType === payloadTypes.data) dataBytes += payload.length;
    },
    facts(): Traffic {
      return { messages: { ...messages }, bytes, dataBytes, unreadable: this.unreadable };
    },
  };
}
