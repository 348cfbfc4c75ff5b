import { type Clock, systemClock } from "#lib/base/clock.ts";
import { formatHostPort } from "#lib/base/host-port.ts";
import type { Log } from "#lib/base/log.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import type { Link, Transport } from "../transport.ts";
import { openSessionLink, type SessionLinkOptions } from "./session-link.ts";
import { openSessionPool } from "./session-pool.ts";
import type { SessionRequest } from "./session/session.ts";
import { createSessionApi } from "./session/session-api.ts";

/** Where a session is to lead. */
export type SsmDestination = {
  /** Instance id of the bastion. */
  readonly target: string;
  /** Default: AWS's own, to which host and port are passed. Any other has them fixed, and takes none. */
  readonly documentName?: string;
  /** The database as the bastion knows it. */
  readonly host: string;
  readonly port: number;
};

export type SsmTransportOptions = SsmDestination & {
  readonly access: AwsAccess;
  /** Default: of the access. */
  readonly region?: string;
  /**
   * What goes up at most, headers included. Default 1024: faster uploads that last have ended real sessions. 0: no
   * limit, which is the default towards the local stage.
   */
  readonly paceBytesPerMs?: number;
  /** How many sessions share the connections. Default 1, at most 16. */
  readonly sessions?: number;
  /** Keeps an idle session from being ended. Default false: that limit is its organisation's. */
  readonly keepAlive?: boolean;
  readonly clock?: Clock;
  readonly log?: Log;
};

const remoteHostDocument = "AWS-StartPortForwardingSessionToRemoteHost";
const defaultPaceBytesPerMs = 1024;
const maxSessions = 16;
export const silence: Log = { info: () => undefined, warn: () => undefined };

/** Sessions of Session Manager, spoken by this client itself. */
export function ssmTransport(options: SsmTransportOptions): Transport {
  const { access, region, sessions = 1, clock = systemClock, log = silence } = options;
  if (!Number.isInteger(sessions) || sessions < 1 || sessions > maxSessions) {
    throw new RangeError(`sessions is ${sessions}, expected 1 to ${maxSessions}`);
  }
  const isLocal = access.source === "local-stage";
  return {
    kind: "ssm",
    route: routeOf(options),
    connect: async (signal) => {
      const api = createSessionApi(access, region);
      const linkOptions: SessionLinkOptions = {
        api,
        clock,
        log,
        request: sessionRequest(options),
        destination: formatHostPort(options),
        paceBytesPerMs: options.paceBytesPerMs ?? (isLocal ? 0 : defaultPaceBytesPerMs),
        ...(options.keepAlive === undefined ? {} : { keepAlive: options.keepAlive }),
      };
      const open = async (abort: AbortSignal) => openSessionLink(linkOptions, abort);
      try {
        const link =
          sessions === 1 ? await open(signal) : await openSessionPool({ open, sessions, clock, log }, signal);
        return releasing(link, api);
      } catch (error) {
        api[Symbol.dispose]();
        throw error;
      }
    },
  };
}

/** For people. */
export function routeOf(destination: SsmDestination): string {
  return `${formatHostPort(destination)} through ${destination.target}`;
}

export function sessionRequest({ target, documentName, host, port }: SsmDestination): SessionRequest {
  if (documentName !== undefined && documentName !== remoteHostDocument) return { target, documentName };
  const parameters = { host, portNumber: String(port), localPortNumber: "0" };
  return { target, documentName: remoteHostDocument, parameters };
}

/** The AWS client goes with the link; it is needed until the sessions are terminated. */
function releasing(link: Link, api: Disposable): Link {
  return {
    ended: link.ended,
    openStream: async (signal) => link.openStream(signal),
    vitals: () => link.vitals(),
    [Symbol.asyncDispose]: async () => {
      await link[Symbol.asyncDispose]();
      api[Symbol.dispose]();
    },
  };
}
