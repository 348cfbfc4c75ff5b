import { randomUUID } from "node:crypto";
import type { Clock } from "#lib/base/clock.ts";
import { encodeMessage, type Message, messageFlags, messageTypes, payloadTypes } from "#lib/ssm-protocol/message.ts";
import {
  acknowledgeOf,
  decodeAcknowledge,
  decodeFlag,
  encodeFlag,
  encodeJson,
  flags,
} from "#lib/ssm-protocol/payloads.ts";
import { featuresOfAgent, featuresOfClient } from "#lib/ssm-protocol/versions.ts";
import { handshakeRequest, readHandshakeResponse } from "./handshake.ts";
import { createOutlet } from "./outlet.ts";
import { type Address, dial, type PortForward } from "./port-forward.ts";
import { createReceiver } from "./receiver.ts";
import { createSender, resendIntervalMs } from "./sender.ts";
import { createSingleConnection } from "./single-connection.ts";
import { createSmuxServer } from "./smux-server.ts";

/** The agent of a bastion, in one session: its end of the data channel. It knows nothing of sockets to the client. */
export type Agent = {
  /** Begins the handshake. */
  start(): void;
  /** A message of the client. */
  receive(message: Message): void;
  /** Whether the client is there, as the service says; anything from the client says so, too. */
  publish(isClientThere: boolean): void;
  /** Closes its connections; nothing goes out any more. */
  destroy(): void;
  /** Messages of the client that wait until the port takes more. */
  readonly waiting: number;
  facts(): AgentFacts;
};

export type AgentFacts = {
  readonly openConnections: number;
  /** Absent before the handshake. */
  readonly clientVersion?: string;
  readonly multiplexes?: boolean;
  /** Messages that were sent again. */
  readonly resent: number;
  /** Payload bytes that the client has not acknowledged. */
  readonly unackedBytes: number;
  /** Messages of the client that wait. */
  readonly waiting: number;
};

export type AgentOptions = {
  readonly version: string;
  /** What the document asks for, as the handshake has it. */
  readonly destination: Address;
  /** Where that is; undefined: the host has no address. Looked up once, before the session. */
  readonly address: Address | undefined;
  readonly dialHangs: () => boolean;
  readonly payloadBytes: number;
  readonly paceMs: number;
  readonly clock: Clock;
  readonly emit: (message: Message, frame: Buffer) => void;
  readonly onEnd: (by: "client" | "agent", why: string) => void;
  /** No message of the client waits any more. */
  readonly onIdle: () => void;
};

const handshakeTimeoutMs = 15_000;
const keepAliveIntervalMs = 10_000;
const keepAliveTimeoutMs = 30_000;
/** Beyond it nothing is read from the port. The official agent has no such bound: it is slow instead. */
const maxUnackedBytes = 8 * 1024 * 1024;

/**
 * - idle → start: HandshakeRequest → greeting
 * - greeting: HandshakeResponse, acknowledged first; all done → HandshakeComplete, then nothing until the client's first
 *   bytes → forwarding, or deaf; something not done, or 15 s → over
 * - deaf: the host has no address. Whatever comes is passed over without an acknowledgement, and nobody is told
 * - forwarding: the flag TerminateSession, a stream that is not smux, or no keep-alive where both need one → over
 * - over: nothing goes out any more
 */
type State =
  | { readonly name: "idle" | "greeting" | "deaf" | "over" }
  | { readonly name: "forwarding"; readonly port: PortForward };

export function createAgent(options: AgentOptions): Agent {
  const { clock, payloadBytes, paceMs, onEnd, onIdle } = options;
  let state: State = { name: "idle" };
  let client: { readonly version: string; readonly multiplexes: boolean } | undefined;
  let startMs = 0;
  let lastHeardMs = 0;
  let isReading = true;
  const timers: NodeJS.Timeout[] = [];

  const emit = (message: Message, frame: Buffer) => {
    if (state.name !== "over") options.emit(message, frame);
  };
  const sender = createSender({ nowMs: () => clock.nowMs(), wallTime: () => clock.wallTime(), emit });
  const outlet = createOutlet({
    payloadBytes,
    paceMs,
    send: (payload) => sender.send(payloadTypes.data, payload),
  });
  const receiver = createReceiver({
    isReady: ({ payloadType }) =>
      state.name === "forwarding" || (state.name === "greeting" && payloadType === payloadTypes.handshakeResponse),
    process,
    acknowledge,
    onBroken: (error) => end("agent", error instanceof Error ? error.message : String(error)),
    onIdle,
  });

  function end(by: "client" | "agent", why: string): void {
    if (state.name === "over") return;
    destroy();
    onEnd(by, why);
  }

  function destroy(): void {
    if (state.name === "forwarding") state.port.destroy();
    state = { name: "over" };
    for (const timer of timers) clearInterval(timer);
    outlet.destroy();
    sender.destroy();
  }

  function acknowledge(message: Message): void {
    const answer: Message = {
      type: messageTypes.acknowledge,
      createdMs: clock.wallTime().getTime(),
      sequenceNumber: 0,
      flags: messageFlags.acknowledgement,
      id: randomUUID(),
      payloadType: payloadTypes.none,
      payload: encodeJson(acknowledgeOf(message)),
    };
    emit(answer, encodeMessage(answer));
  }

  function process(message: Message): void | Promise<void> {
    switch (message.payloadType) {
      case payloadTypes.handshakeResponse:
        // After its acknowledgement: the official client must not hear anything once the handshake is complete.
        queueMicrotask(() => completeHandshake(message.payload));
        return undefined;
      case payloadTypes.data:
        return state.name === "forwarding" ? state.port.receive(message.payload) : undefined;
      case payloadTypes.flag:
        return takeFlag(decodeFlag(message.payload));
      default:
        // Size and the like mean nothing to a port.
        return undefined;
    }
  }

  function takeFlag(flag: number): void {
    if (flag === flags.disconnectToPort && state.name === "forwarding") state.port.disconnect();
    // After its acknowledgement.
    if (flag === flags.terminateSession) queueMicrotask(() => end("client", ""));
  }

  function completeHandshake(payload: Uint8Array): void {
    if (state.name !== "greeting") return;
    const response = readHandshakeResponse(payload);
    if ("problem" in response) return end("agent", response.problem);
    const ofClient = featuresOfClient(response.clientVersion);
    const ofAgent = featuresOfAgent(options.version);
    client = { version: response.clientVersion, multiplexes: ofClient.multiplexes && ofAgent.multiplexes };
    const nanoseconds = Math.round((clock.nowMs() - startMs) * 1e6);
    sender.send(
      payloadTypes.handshakeComplete,
      encodeJson({ HandshakeTimeToComplete: nanoseconds, CustomerMessage: "" }),
    );
    const keepsAlive = client.multiplexes && (ofClient.needsKeepAlive || ofAgent.needsKeepAlive);
    forward(client.multiplexes, keepsAlive);
  }

  function forward(multiplexes: boolean, keepsAlive: boolean): void {
    const { address } = options;
    if (address === undefined) {
      state = { name: "deaf" };
      return;
    }
    const create = multiplexes ? createSmuxServer : createSingleConnection;
    const port = create({
      dial: () => dial(address, options.dialHangs()),
      send: (bytes) => {
        outlet.write(bytes);
        balanceReading();
      },
      onDialFailed: () => sender.send(payloadTypes.flag, encodeFlag(flags.connectToPortError)),
    });
    state = { name: "forwarding", port };
    if (!keepsAlive) return;
    lastHeardMs = clock.nowMs();
    timers.push(
      setInterval(() => {
        if (clock.nowMs() - lastHeardMs > keepAliveTimeoutMs) end("agent", "The client sent no keep-alive.");
        else port.keepAlive();
      }, keepAliveIntervalMs),
    );
  }

  function balanceReading(): void {
    if (state.name !== "forwarding") return;
    const bytes = sender.unackedBytes + outlet.pendingBytes;
    const wants = isReading ? bytes <= maxUnackedBytes : bytes <= maxUnackedBytes / 2;
    if (wants === isReading) return;
    isReading = wants;
    state.port.read(wants);
  }

  return {
    start: () => {
      if (state.name !== "idle") return;
      state = { name: "greeting" };
      startMs = clock.nowMs();
      timers.push(
        setInterval(() => sender.resendOldest(), resendIntervalMs),
        setTimeout(() => {
          if (state.name === "greeting") end("agent", "The client did not answer the handshake in time.");
        }, handshakeTimeoutMs),
      );
      sender.send(payloadTypes.handshakeRequest, encodeJson(handshakeRequest(options.version, options.destination)));
    },
    receive: (message) => {
      if (state.name === "over") return;
      sender.pause(false);
      if (message.type === messageTypes.acknowledge) {
        sender.acknowledge(decodeAcknowledge(message.payload).AcknowledgedMessageSequenceNumber);
        balanceReading();
        return;
      }
      if (message.type !== messageTypes.input) return;
      if (message.payloadType === payloadTypes.data) lastHeardMs = clock.nowMs();
      receiver.receive(message);
    },
    publish: (isClientThere) => sender.pause(!isClientThere),
    destroy,
    get waiting() {
      return receiver.waiting;
    },
    facts: () => ({
      openConnections: state.name === "forwarding" ? state.port.openConnections : 0,
      ...(client === undefined ? {} : { clientVersion: client.version, multiplexes: client.multiplexes }),
      resent: sender.resent,
      unackedBytes: sender.unackedBytes,
      waiting: receiver.waiting,
    }),
  };
}
