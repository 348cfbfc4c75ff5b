import * as v from "valibot";
import { AwsError } from "./aws-error.ts";
import { type JsonOperation, parseMembers } from "./json-protocol.ts";
import { type AwsResources, isDeleted } from "./resources.ts";

/** Whoever carries sessions, as much of it as the API needs. Each throws AwsError where AWS refuses. */
export type SessionManager = {
  startSession(request: SessionRequest): SessionAccess & { readonly tokenValue: string };
  /** Without a token the session is over. */
  resumeSession(sessionId: string): SessionAccess;
  /** Also for a session that is over, or never was. */
  terminateSession(sessionId: string): void;
  targets(): readonly SessionTarget[];
};

export type SessionRequest = {
  readonly target: string;
  readonly documentName?: string | undefined;
  readonly parameters?: SessionParameters | undefined;
};

/** By name; every value is a list. */
export type SessionParameters = Readonly<Record<string, readonly string[]>>;

export type SessionAccess = {
  readonly sessionId: string;
  /** A secret. */
  readonly tokenValue?: string;
  /** Of the data channel. */
  readonly streamUrl: string;
};

/** An instance that sessions can be asked for, and what is true of it. */
export type SessionTarget = { readonly instanceId: string; readonly state: TargetState };

/** `offline`: the instance runs, but its agent does not answer. */
export type TargetState = "online" | "offline" | "stopped";

const startSession = v.object({
  Target: v.pipe(v.string(), v.minLength(1), v.maxLength(400)),
  DocumentName: v.optional(v.pipe(v.string(), v.regex(/^[a-zA-Z0-9_\-.:/]{3,128}$/u))),
  Parameters: v.optional(v.record(v.string(), v.array(v.string()))),
  Reason: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(256))),
});
const sessionId = v.object({ SessionId: v.pipe(v.string(), v.minLength(1), v.maxLength(96)) });
const connectionStatus = v.object({ Target: v.pipe(v.string(), v.minLength(1), v.maxLength(400)) });

/**
 * Session Manager's part of the SSM API. Which errors an operation has is as its API reference says; what the
 * reference leaves open is as in AWS's documents and public reports.
 *
 * @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartSession.html
 */
export function sessionOperations(
  manager: () => SessionManager | undefined,
  resources: () => AwsResources,
): Readonly<Record<string, JsonOperation>> {
  const targets = () => manager()?.targets() ?? [];
  const find = (id: string) => targets().find(({ instanceId }) => instanceId === id);
  return {
    StartSession: (input) => {
      const { Target, DocumentName, Parameters } = parseMembers(startSession, input);
      const sessions = manager();
      if (DocumentName !== undefined && isDeleted(resources(), "document", DocumentName)) {
        throw noSuchDocument(DocumentName);
      }
      if (sessions === undefined) throw notConnected(Target);
      return toOutput(sessions.startSession({ target: Target, documentName: DocumentName, parameters: Parameters }));
    },
    ResumeSession: (input) => {
      const { SessionId } = parseMembers(sessionId, input);
      const sessions = manager();
      if (sessions === undefined) throw noSuchSession(SessionId);
      return toOutput(sessions.resumeSession(SessionId));
    },
    TerminateSession: (input) => {
      const { SessionId } = parseMembers(sessionId, input);
      manager()?.terminateSession(SessionId);
      return { SessionId };
    },
    GetConnectionStatus: (input) => {
      const { Target } = parseMembers(connectionStatus, input);
      return { Target, Status: find(Target)?.state === "online" ? "connected" : "notconnected" };
    },
  };
}

/** What AWS says of an instance that is stopped, has no agent that answers, or does not exist. */
export function notConnected(target: string): AwsError {
  return new AwsError("TargetNotConnected", `${target} is not connected.`);
}

export function noSuchDocument(name: string): AwsError {
  return new AwsError("InvalidDocument", `Document with name ${name} does not exist.`);
}

export function noSuchSession(id: string): AwsError {
  return new AwsError("DoesNotExistException", `Session ${id} does not exist.`);
}

function toOutput({ sessionId: id, tokenValue, streamUrl }: SessionAccess): object {
  return { SessionId: id, ...(tokenValue === undefined ? {} : { TokenValue: tokenValue }), StreamUrl: streamUrl };
}
