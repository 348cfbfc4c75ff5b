import { randomBytes, randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import type { Clock } from "#lib/base/clock.ts";
import { decodeMessage, encodeMessage, type Message, messageTypes, payloadTypes } from "#lib/ssm-protocol/message.ts";
import { encodeJson } from "#lib/ssm-protocol/payloads.ts";
import { type AgentFacts, type AgentOptions, createAgent } from "./agent.ts";
import type { GatewayFaults } from "./faults.ts";
import { createLane } from "./lane.ts";
import type { Address } from "./port-forward.ts";
import { createTraffic, type Traffic } from "./traffic.ts";

/** A session as the service has it: it outlives the client's sockets, of which one at a time is live. */
export type Session = Disposable & {
  readonly id: string;
  readonly isOver: boolean;
  /** A new one; the ones before are worth nothing then. */
  renewToken(): string;
  /** Whether the first frame of a socket opens this session. The first client is the only one. */
  admits(token: string, clientId: string): boolean;
  /** From now on this is the live socket; one that was is closed. */
  attach(socket: LiveSocket): void;
  drop(how: DropHow): void;
  end(by: SessionEnd, why: string): void;
  /** Since data passed, in either direction: the service ends a session by it. */
  idleMs(): number;
  /** The agent's process is gone: nothing is heard of it any more, and nobody says so. */
  killAgent(): void;
  /** Tells both sides that the other one is (not) there. */
  publish(isThere: boolean): void;
  facts(): SessionFacts;
};

export type LiveSocket = { readonly webSocket: WebSocket; readonly tcp: Socket };

/** `cut`: a TCP reset; else a WebSocket close, as the service does about every hour (1000, "Bye"). */
export type DropHow = "cut" | { readonly code: number; readonly reason: string };

/** Who ended it. */
export type SessionEnd = "client" | "agent" | "api" | "service";

export type SessionFacts = {
  readonly sessionId: string;
  readonly target: string;
  readonly destination: Address;
  /** `waiting`: no socket yet. `away`: the socket is gone. */
  readonly state: "waiting" | "open" | "away" | "over";
  readonly endedBy?: SessionEnd;
  readonly why?: string;
  /** Sockets after the first. */
  readonly reconnects: number;
  readonly up: Traffic;
  readonly down: Traffic;
  readonly agent: AgentFacts;
};

/** Beyond it nothing is read from the socket, as if the agent's own reader waited. */
const maxWaiting = 1024;

export function createSession(options: {
  readonly target: string;
  readonly agent: Omit<AgentOptions, "emit" | "onEnd" | "onIdle">;
  readonly faults: () => GatewayFaults;
  readonly clock: Clock;
}): Session {
  const { target, faults, clock } = options;
  const id = `local-${randomBytes(9).toString("hex").slice(1)}`;
  const nowMs = () => clock.nowMs();
  const lanes = {
    up: createLane({ faults: () => faults().up, nowMs }),
    down: createLane({ faults: () => faults().down, nowMs }),
  };
  const traffic = { up: createTraffic(), down: createTraffic() };
  const agent = createAgent({
    ...options.agent,
    emit: (message, frame) => {
      if (faults().silentAgent !== true) toClient(message, frame);
    },
    onEnd: (by, why) => end(by, why),
    onIdle: () => live?.webSocket.resume(),
  });
  let token = randomBytes(48).toString("base64url");
  let clientId: string | undefined;
  let live: LiveSocket | undefined;
  let sockets = 0;
  let lastDataMs = nowMs();
  let ended: { readonly by: SessionEnd; readonly why: string } | undefined;

  function toClient(message: Message, frame: Buffer): void {
    const socket = live;
    // As with the real service, what finds no socket is lost; the agent sends it again.
    if (socket === undefined) return;
    traffic.down.count(message, frame.length);
    noteData(message);
    if (faults().blackHole === true) return;
    lanes.down.pass(message, frame.length, () => {
      if (socket.webSocket.readyState === WebSocket.OPEN) socket.webSocket.send(frame);
    });
  }

  function toAgent(frame: Buffer, from: LiveSocket): void {
    const message = readMessage(frame);
    if (message === undefined) {
      traffic.up.unreadable += 1;
      return;
    }
    traffic.up.count(message, frame.length);
    noteData(message);
    if (faults().blackHole === true) return;
    lanes.up.pass(message, frame.length, () => {
      if (faults().silentAgent === true || ended !== undefined) return;
      agent.receive(message);
      if (agent.waiting > maxWaiting) from.webSocket.pause();
    });
  }

  function noteData({ type }: Message): void {
    if (type === messageTypes.input || type === messageTypes.output) lastDataMs = nowMs();
  }

  function fromService(type: string, payload: object): void {
    const message: Message = {
      type,
      createdMs: clock.wallTime().getTime(),
      sequenceNumber: 0,
      flags: 0,
      id: randomUUID(),
      payloadType: payloadTypes.none,
      payload: encodeJson(payload),
    };
    toClient(message, encodeMessage(message));
  }

  function end(by: SessionEnd, why: string): void {
    if (ended !== undefined) return;
    ended = { by, why };
    agent.destroy();
    fromService(messageTypes.channelClosed, {
      MessageType: messageTypes.channelClosed,
      MessageId: randomUUID(),
      DestinationId: target,
      SessionId: id,
      SchemaVersion: 1,
      CreatedDate: clock.wallTime().toISOString(),
      Output: why,
    });
    const socket = live;
    lanes.up.destroy();
    lanes.down.afterwards(() => close(socket, 1000, ""));
  }

  function close(socket: LiveSocket | undefined, code: number, reason: string): void {
    if (faults().blackHole !== true) socket?.webSocket.close(code, reason);
  }

  return {
    id,
    get isOver() {
      return ended !== undefined;
    },
    renewToken: () => {
      token = randomBytes(48).toString("base64url");
      return token;
    },
    admits: (offered, client) => {
      if (ended !== undefined || offered !== token || (clientId !== undefined && clientId !== client)) return false;
      clientId = client;
      return true;
    },
    attach: (socket) => {
      close(live, 1000, "Replaced");
      live = socket;
      sockets += 1;
      const { webSocket } = socket;
      webSocket.on("message", (frame, isBinary) => {
        if (!isBinary) webSocket.close(1003, "Expected binary messages");
        else if (live === socket) toAgent(toBuffer(frame), socket);
      });
      webSocket.once("close", () => {
        if (live !== socket) return;
        live = undefined;
        agent.publish(false);
      });
      if (sockets === 1) agent.start();
      else agent.publish(true);
    },
    drop: (how) => {
      if (how === "cut") live?.tcp.resetAndDestroy();
      else live?.webSocket.close(how.code, how.reason);
    },
    end,
    idleMs: () => nowMs() - lastDataMs,
    killAgent: () => agent.destroy(),
    publish: (isThere) => {
      agent.publish(isThere);
      fromService(isThere ? messageTypes.startPublication : messageTypes.pausePublication, {});
    },
    facts: () => ({
      sessionId: id,
      target,
      destination: options.agent.destination,
      state: ended !== undefined ? "over" : live !== undefined ? "open" : sockets === 0 ? "waiting" : "away",
      ...(ended === undefined ? {} : { endedBy: ended.by, why: ended.why }),
      reconnects: Math.max(0, sockets - 1),
      up: traffic.up.facts(),
      down: traffic.down.facts(),
      agent: agent.facts(),
    }),
    [Symbol.dispose]: () => {
      end("service", "The gateway is closing.");
      lanes.down.destroy();
      live?.webSocket.terminate();
    },
  };
}

/** Undefined for what is no message: the agent passes over it, and the client sends it again. */
function readMessage(frame: Buffer): Message | undefined {
  try {
    return decodeMessage(frame);
  } catch {
    return undefined;
  }
}

function toBuffer(data: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
