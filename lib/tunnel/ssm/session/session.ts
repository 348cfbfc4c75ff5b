export type SessionRequest = {
  /** Instance id. */
  readonly target: string;
  readonly documentName: string;
  /** Left out where the document fixes host and port. */
  readonly parameters?: Readonly<Record<string, string>>;
};

export type StartedSession = {
  readonly id: string;
  /** A secret, good for one socket. */
  readonly token: string;
  /** The same for all sockets of the session. */
  readonly streamUrl: URL;
};
