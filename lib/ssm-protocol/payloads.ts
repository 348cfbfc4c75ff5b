import * as v from "valibot";
import { type Message, quote, violation } from "./message.ts";

/**
 * What payloads hold besides bytes of the session: JSON with the key names of the official client and agent, and a
 * big-endian number in a flag. Unknown keys pass. A payload that does not fit throws PosternError `ssm.protocol`.
 */

/** Every message with a sequence number is acknowledged on its own; only the number is matched. */
const acknowledgeSchema = v.object({
  AcknowledgedMessageType: v.string(),
  AcknowledgedMessageId: v.string(),
  AcknowledgedMessageSequenceNumber: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  IsSequentialMessage: v.boolean(),
});
export type Acknowledge = v.InferOutput<typeof acknowledgeSchema>;

export function acknowledgeOf(message: Message): Acknowledge {
  return {
    AcknowledgedMessageType: message.type,
    AcknowledgedMessageId: message.id,
    AcknowledgedMessageSequenceNumber: message.sequenceNumber,
    IsSequentialMessage: true,
  };
}

/** The agent's first message: what it wants of the client before bytes may flow. */
const handshakeRequestSchema = v.object({
  AgentVersion: v.string(),
  RequestedClientActions: v.array(
    v.object({
      /** "SessionType" of a port session; "KMSEncryption" never occurs there. */
      ActionType: v.string(),
      /** The agent is written in Go, where what is not set becomes null. */
      ActionParameters: v.nullish(
        v.object({
          /** "Port" */
          SessionType: v.nullish(v.string()),
          /** host, portNumber, localPortNumber, type ("LocalPortForwarding") … */
          Properties: v.nullish(v.record(v.string(), v.unknown())),
        }),
      ),
    }),
  ),
});
export type HandshakeRequest = v.InferOutput<typeof handshakeRequestSchema>;

/** Any other than `done` makes the agent cancel the session. */
export const actionStatus = { done: 1, failed: 2, unsupported: 3 } as const;

/** The client's first message. */
const handshakeResponseSchema = v.object({
  ClientVersion: v.string(),
  ProcessedClientActions: v.array(
    v.object({
      ActionType: v.string(),
      ActionStatus: v.number(),
      ActionResult: v.nullable(v.unknown()),
      Error: v.string(),
    }),
  ),
  Errors: v.nullable(v.array(v.string())),
});
export type HandshakeResponse = v.InferOutput<typeof handshakeResponseSchema>;

/** From the agent; its acknowledgement is the last before bytes flow. */
const handshakeCompleteSchema = v.object({
  HandshakeTimeToComplete: v.number(),
  CustomerMessage: v.optional(v.string(), ""),
});

/** From the service: the session is over, and why, for people: others' words, to be quoted. The reason may be empty. */
const channelClosedSchema = v.object({
  SessionId: v.optional(v.string(), ""),
  Output: v.optional(v.nullable(v.pipe(v.string(), v.transform(quote))), ""),
});

export const flags = {
  /** Client, without multiplexing: the connection is over, the next one may come. */
  disconnectToPort: 1,
  /** Client: the session is over. */
  terminateSession: 2,
  /** Agent: it could not connect to host and port. Does not say for which stream. */
  connectToPortError: 3,
} as const;

export const encodeJson = (payload: object): Buffer => Buffer.from(JSON.stringify(payload), "utf8");

export const decodeAcknowledge = jsonDecoder("acknowledgement", acknowledgeSchema);
export const decodeHandshakeRequest = jsonDecoder("handshake request", handshakeRequestSchema);
export const decodeHandshakeResponse = jsonDecoder("handshake response", handshakeResponseSchema);
export const decodeHandshakeComplete = jsonDecoder("handshake end", handshakeCompleteSchema);
export const decodeChannelClosed = jsonDecoder("closing message", channelClosedSchema);

/** One of `flags`. */
export function encodeFlag(flag: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(flag);
  return payload;
}

/** One of `flags`, or one of a newer agent. */
export function decodeFlag(payload: Uint8Array): number {
  if (payload.length !== 4) throw violation(`a flag of ${payload.length} bytes, expected 4`);
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(0);
}

function jsonDecoder<Schema extends v.GenericSchema>(what: string, schema: Schema) {
  const whole = v.pipe(v.string(), v.parseJson(), schema);
  return (payload: Uint8Array): v.InferOutput<Schema> => {
    const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString("utf8");
    const result = v.safeParse(whole, text);
    if (result.success) return result.output;
    const problems = result.issues.map((issue) => `${v.getDotPath(issue) ?? "payload"}: ${issue.message}`);
    throw violation(`an unreadable ${what} (${problems.join("; ")})`);
  };
}
