/**
 * The one text frame of a data channel, and its first: the client says who it is, and with which token. Nothing
 * answers it. It is sent again, with a new token and the same client id, when a session is resumed.
 */
export type OpenDataChannel = {
  readonly MessageSchemaVersion: "1.0";
  /** A UUID for this frame. */
  readonly RequestId: string;
  /** From StartSession or ResumeSession: a secret. */
  readonly TokenValue: string;
  /** A UUID, the same for all sockets of a session. */
  readonly ClientId: string;
  /** Decides what the agent expects: see `versions.ts`. */
  readonly ClientVersion: string;
};
