import { createServer, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { AwsError } from "../aws/aws-error.ts";
import type { Credentials } from "../aws/signature.ts";
import {
  noSuchSession,
  type SessionAccess,
  type SessionManager,
  type SessionTarget,
  type TargetState,
} from "../aws/ssm-sessions.ts";
import { loopback } from "../net/free-port.ts";
import { closeServer, listen } from "../net/http-server.ts";
import type { GatewayFaults } from "./faults.ts";
import { awaitFirstFrame } from "./first-frame.ts";
import type { Address } from "./port-forward.ts";
import { admitSession } from "./session-requests.ts";
import { createSession, type DropHow, type Session, type SessionFacts } from "./session.ts";
import { dataChannelUrl, judgeUpgrade } from "./upgrade.ts";

export type SessionGatewayOptions = {
  /** 0: any free one. Default 0. */
  readonly port?: number;
  /**
   * Where a host and port lead that a session asks for, as the bastion sees it: looked up once for each session.
   * Undefined: the host has no address. One address: everything leads there.
   */
  readonly database: Address | ((host: string, port: number) => Address | undefined);
  /** Default: one, `localInstanceId`, online. */
  readonly targets?: readonly SessionTarget[];
  /** Session documents with a fixed host and port, by name. Default: none but AWS's own. */
  readonly documents?: Readonly<Record<string, Address>>;
  /** The key that must sign the upgrade. Default: it need not be signed. */
  readonly credentials?: Credentials | undefined;
  /** Default 3.3.1142.0. Older ones do not multiplex, or need keep-alives. */
  readonly agentVersion?: string;
  /** Of a message of the agent. Default 1024, as the official agent has it. */
  readonly payloadBytes?: number;
  /** Between two messages of the agent; the official one: 1. Default 0. */
  readonly paceMs?: number;
  /** A session without data is ended by then. Default 20 minutes, which an account of AWS has by itself. */
  readonly idleTimeoutMs?: number;
  readonly faults?: GatewayFaults;
  readonly onLog?: (line: string) => void;
  readonly clock?: Clock;
};

export type SessionGateway = AsyncDisposable &
  SessionManager & {
    /** `ws://127.0.0.1:PORT` */
    readonly url: string;
    /** Can be replaced at any time. */
    faults: GatewayFaults;
    /** Also makes one known. */
    setTarget(instanceId: string, state: TargetState): void;
    /** Those that are over included, the oldest first. */
    sessions(): readonly SessionFacts[];
    /** All live sockets, or that of one session. Default: as the service does about every hour. */
    dropSockets(how?: DropHow, sessionId?: string): void;
    /** Ends a session with the service's `channel_closed`, or all of them. */
    closeChannels(reason: string, sessionId?: string): void;
    /** `pause_publication` or `start_publication` to both sides of every session. */
    publish(isThere: boolean): void;
    /** The agents of all sessions are gone, and their connections with them. New sessions have new ones. */
    killAgents(): void;
  };

/** Of the form that EC2 has, so that it passes wherever one is asked for. */
export const localInstanceId = "i-00000000000010ca1";

const defaults = { agentVersion: "3.3.1142.0", payloadBytes: 1024, paceMs: 0, idleTimeoutMs: 20 * 60_000 } as const;
const hourlyClose: DropHow = { code: 1000, reason: "Bye" };
/** More than any payload that one of the official sides was seen to take. */
const maxMessageBytes = 1024 * 1024;
/** Sessions that are over are remembered so long, for ResumeSession and the facts. */
const maxRemembered = 1000;

/**
 * Session Manager on this machine: the service between the two ends, and the agent of a bastion that forwards to a
 * port. Written from the protocol as it was observed, and independent of the tunnel's own side of it.
 */
export async function startSessionGateway(options: SessionGatewayOptions): Promise<SessionGateway> {
  const { credentials, documents = {}, clock = systemClock, onLog = () => {} } = options;
  const { agentVersion, payloadBytes, paceMs, idleTimeoutMs } = { ...defaults, ...options };
  const targets = new Map<string, TargetState>(
    (options.targets ?? [{ instanceId: localInstanceId, state: "online" }]).map((one) => [one.instanceId, one.state]),
  );
  const sessions = new Map<string, Session>();
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: maxMessageBytes,
  });
  let faults: GatewayFaults = options.faults ?? {};
  const dropping: NodeJS.Timeout[] = [];

  const server = createServer((_request, response) => response.writeHead(426).end());
  server.on("upgrade", (incoming, socket, head) => {
    socket.on("error", () => socket.destroy());
    const verdict = judgeUpgrade(incoming, { credentials, now: clock.wallTime() });
    if (faults.refuseUpgrade !== undefined) return refuse(socket, faults.refuseUpgrade, "Refused.");
    if ("statusCode" in verdict) return refuse(socket, verdict.statusCode, verdict.message);
    const session = sessions.get(verdict.sessionId);
    if (session === undefined || session.isOver) return refuse(socket, 404, "No such session.");
    webSockets.handleUpgrade(incoming, socket, head, (webSocket) => accept(webSocket, incoming, session));
  });

  function accept(webSocket: WebSocket, incoming: IncomingMessage, session: Session): void {
    // What is wrong with a frame closes the socket, which `close` says.
    webSocket.on("error", () => {});
    webSocket.on("ping", (data) => {
      if (faults.blackHole !== true) webSocket.pong(data);
    });
    awaitFirstFrame(webSocket, (opened) => {
      const isAdmitted = opened !== undefined && session.admits(opened.TokenValue, opened.ClientId);
      onLog(`${session.id} ${isAdmitted ? "opened" : "not opened"}`);
      if (isAdmitted) session.attach({ webSocket, tcp: incoming.socket });
      else webSocket.close(1008, "OpenDataChannel was refused");
    });
  }

  function access(session: Session, tokenValue: string): SessionAccess & { readonly tokenValue: string } {
    return { sessionId: session.id, tokenValue, streamUrl: dataChannelUrl(url, session.id) };
  }

  function resolve({ host, port }: Address): Address | undefined {
    if (faults.resolve !== undefined) return faults.resolve(host, port);
    return typeof options.database === "function" ? options.database(host, port) : options.database;
  }

  function chosen(sessionId: string | undefined): Iterable<Session> {
    return sessions.values().filter((one) => !one.isOver && (sessionId ?? one.id) === one.id);
  }

  function setFaults(wanted: GatewayFaults): void {
    faults = wanted;
    for (const timer of dropping.splice(0)) clearInterval(timer);
    dropEvery(wanted.cutEveryMs, "cut");
    dropEvery(wanted.closeEveryMs, hourlyClose);
  }

  function dropEvery(ms: number | undefined, how: DropHow): void {
    if (ms === undefined) return;
    const dropAll = () => {
      for (const session of chosen(undefined)) session.drop(how);
    };
    dropping.push(setInterval(dropAll, ms));
  }

  const { port } = await listen(server, options.port ?? 0);
  const url = `ws://${loopback}:${port}`;
  setFaults(faults);
  const ageing = setInterval(() => {
    for (const session of chosen(undefined)) {
      if (session.idleMs() > idleTimeoutMs) session.end("service", "The session timed out due to inactivity.");
    }
  }, idleTimeoutMs / 20);
  return {
    url,
    startSession: (request) => {
      if (faults.refuseStart !== undefined) throw faults.refuseStart;
      const destination = admitSession(request, documents, toList(targets));
      const session = createSession({
        target: request.target,
        agent: {
          version: agentVersion,
          destination,
          address: resolve(destination),
          dialHangs: () => faults.hangingDial === true,
          payloadBytes,
          paceMs,
          clock,
        },
        faults: () => faults,
        clock,
      });
      sessions.set(session.id, session);
      forgetOldest(sessions);
      onLog(`${session.id} started on ${request.target} to ${destination.host}:${destination.port}`);
      return access(session, session.renewToken());
    },
    resumeSession: (sessionId) => {
      if (faults.refuseResume instanceof AwsError) throw faults.refuseResume;
      const session = sessions.get(sessionId);
      if (session === undefined) throw noSuchSession(sessionId);
      if (session.isOver || faults.refuseResume === "ended") {
        return { sessionId, streamUrl: dataChannelUrl(url, sessionId) };
      }
      return access(session, session.renewToken());
    },
    terminateSession: (sessionId) => sessions.get(sessionId)?.end("api", ""),
    targets: () => toList(targets),
    get faults() {
      return faults;
    },
    set faults(wanted) {
      setFaults(wanted);
    },
    setTarget: (instanceId, state) => void targets.set(instanceId, state),
    sessions: () =>
      sessions
        .values()
        .map((one) => one.facts())
        .toArray(),
    dropSockets: (how = hourlyClose, sessionId) => {
      for (const session of chosen(sessionId)) session.drop(how);
    },
    closeChannels: (reason, sessionId) => {
      for (const session of chosen(sessionId)) session.end("service", reason);
    },
    publish: (isThere) => {
      for (const session of chosen(undefined)) session.publish(isThere);
    },
    killAgents: () => {
      for (const session of chosen(undefined)) session.killAgent();
    },
    [Symbol.asyncDispose]: async () => {
      for (const timer of dropping) clearInterval(timer);
      clearInterval(ageing);
      for (const session of sessions.values()) session[Symbol.dispose]();
      for (const webSocket of webSockets.clients) webSocket.terminate();
      await closeServer(server);
    },
  };
}

function refuse(socket: Duplex, statusCode: number, message: string): void {
  const body = `${message}\n`;
  socket.end(
    `HTTP/1.1 ${statusCode} Refused\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function forgetOldest(sessions: Map<string, Session>): void {
  if (sessions.size <= maxRemembered) return;
  const oldest = sessions.values().find(({ isOver }) => isOver);
  if (oldest !== undefined) sessions.delete(oldest.id);
}

function toList(targets: ReadonlyMap<string, TargetState>): readonly SessionTarget[] {
  return targets
    .entries()
    .map(([instanceId, state]) => ({ instanceId, state }))
    .toArray();
}
