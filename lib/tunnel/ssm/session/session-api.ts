import {
  ResumeSessionCommand,
  SSMClient,
  StartSessionCommand,
  type StartSessionCommandInput,
  type StartSessionCommandOutput,
  TerminateSessionCommand,
} from "@aws-sdk/client-ssm";
import { PosternError } from "#lib/base/errors.ts";
import { type AwsAccess, clientConfig, sendOptions } from "#lib/stage/aws-access.ts";
import { unlessAborted } from "../../deadline.ts";
import type { SessionRequest, StartedSession } from "./session.ts";
import { toSessionError, toUpgradeError } from "./session-errors.ts";
import { signUpgrade } from "./signed-upgrade.ts";
import type { UpgradeRefused } from "./upgrade-refused.ts";

/** The calls that a session needs. Errors are PosternErrors whose codes are transport reasons. */
export interface SessionApi extends Disposable {
  /** On abort it rejects with the signal's reason; what AWS began is ended as soon as it says so. */
  start(request: SessionRequest, signal: AbortSignal): Promise<StartedSession>;
  /** A token for another socket; undefined where the session is over. */
  resume(sessionId: string, signal: AbortSignal): Promise<string | undefined>;
  /** Done, too, where it is over already. */
  terminate(sessionId: string, signal: AbortSignal): Promise<void>;
  /** As the AWS SDK finds it. */
  findRegion(): Promise<string>;
  /** The headers for the upgrade of a session's socket. */
  signUpgrade(url: URL): Promise<Record<string, string>>;
  /** The refused upgrade in this project's words. */
  explainUpgrade(error: UpgradeRefused, sessionId: string): PosternError;
}

export function createSessionApi(access: AwsAccess, region?: string): SessionApi {
  // One attempt: what comes again after an answer that was lost would leave a session that nobody ends.
  const config = clientConfig(region === undefined ? access : { ...access, region }, { maxAttempts: 1 });
  const client = new SSMClient(config);
  /** Sessions that were begun and are no longer wanted; the client stays until they are ended. */
  const strays = new Set<Promise<unknown>>();

  async function start(request: SessionRequest): Promise<StartedSession> {
    try {
      return readStarted(await client.send(new StartSessionCommand(startInput(request))));
    } catch (error) {
      const on = `instance/${request.target} with document/${request.documentName}`;
      throw await toSessionError(error, { name: "ssm:StartSession", on, access, request, region });
    }
  }

  return {
    start: async (request, signal) => {
      signal.throwIfAborted();
      const starting = start(request);
      try {
        return await unlessAborted(starting, signal);
      } catch (error) {
        if (signal.aborted) {
          // The request is on its way, and only its answer tells which session it began.
          const ending = starting.then(async ({ id }) => client.send(new TerminateSessionCommand({ SessionId: id })));
          strays.add(ending.catch(() => undefined));
        }
        throw error;
      }
    },
    resume: async (sessionId, signal) => {
      try {
        const { TokenValue } = await client.send(
          new ResumeSessionCommand({ SessionId: sessionId }),
          sendOptions(signal),
        );
        return TokenValue === "" ? undefined : TokenValue;
      } catch (error) {
        if (isUnknownSession(error)) return undefined;
        throw await toSessionError(error, { name: "ssm:ResumeSession", on: `session/${sessionId}`, access, signal });
      }
    },
    terminate: async (sessionId, signal) => {
      try {
        await client.send(new TerminateSessionCommand({ SessionId: sessionId }), sendOptions(signal));
      } catch (error) {
        if (isUnknownSession(error)) return;
        throw await toSessionError(error, { name: "ssm:TerminateSession", on: `session/${sessionId}`, access, signal });
      }
    },
    findRegion: async () => client.config.region(),
    signUpgrade: async (url) => {
      try {
        return await signUpgrade(url, client);
      } catch (error) {
        throw await toSessionError(error, { name: "ssmmessages:OpenDataChannel", on: url.host, access });
      }
    },
    explainUpgrade: (error, sessionId) => toUpgradeError(error, sessionId),
    [Symbol.dispose]: () => void Promise.all(strays).then(() => client.destroy()),
  };
}

/** Every parameter is a list, of one value here. */
function startInput({ target, documentName, parameters }: SessionRequest): StartSessionCommandInput {
  const lists = Object.entries(parameters ?? {}).map(([name, value]) => [name, [value]]);
  return {
    Target: target,
    DocumentName: documentName,
    Reason: "postern tunnel",
    ...(parameters === undefined ? {} : { Parameters: Object.fromEntries(lists) as Record<string, string[]> }),
  };
}

function readStarted(answer: StartSessionCommandOutput): StartedSession {
  const { SessionId: id, TokenValue: token, StreamUrl: url } = answer;
  if (id === undefined || token === undefined || url === undefined || !URL.canParse(url)) {
    throw new PosternError("aws.failed", "ssm:StartSession: the answer names no session, token or address.");
  }
  return { id, token, streamUrl: securedUrl(new URL(url)) };
}

/** The first frame carries the token: without TLS it goes to this machine only. */
function securedUrl(url: URL): URL {
  const isLoopback = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (url.protocol === "wss:" || (url.protocol === "ws:" && isLoopback)) return url;
  throw new PosternError(
    "aws.failed",
    `ssm:StartSession: the session's address begins with ${url.protocol}//${url.host}, expected wss://.`,
  );
}

function isUnknownSession(error: unknown): boolean {
  return error instanceof Error && ["DoesNotExistException", "SessionNotFound"].includes(error.name);
}
