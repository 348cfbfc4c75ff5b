import { connect, Socket } from "node:net";

/** What the agent does with the bytes of a session, and back: several connections (`smux-server.ts`) or one at a time. */
export type PortForward = {
  /** Bytes of the client, in order. Returns a promise while the buffers are full. */
  receive(bytes: Uint8Array): void | Promise<void>;
  /** The client's flag DisconnectToPort. */
  disconnect(): void;
  /** Whether bytes are read from the port: not while too many wait for the client. */
  read(isReading: boolean): void;
  /** Every so often, where the two versions keep the session alive. */
  keepAlive(): void;
  destroy(): void;
  readonly openConnections: number;
};

export type PortForwardOptions = {
  readonly dial: () => Socket;
  /** To the client. */
  readonly send: (bytes: Uint8Array) => void;
  /** A connection could not be made; the client is told so, not which one. */
  readonly onDialFailed: () => void;
};

export type Address = { readonly host: string; readonly port: number };

/** @param hangs the port's machine gives no answer: neither connected nor refused */
export function dial({ host, port }: Address, hangs: boolean): Socket {
  return hangs ? new Socket() : connect({ host, port, noDelay: true });
}
