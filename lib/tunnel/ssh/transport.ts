import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { formatHostPort } from "#lib/base/host-port.ts";
import type { Log } from "#lib/base/log.ts";
import { openTcp } from "#lib/postgres/socket.ts";
import { withDeadline } from "../deadline.ts";
import type { Link, Transport } from "../transport.ts";
import { resolveRoute, type SshHost } from "./client-config.ts";
import { type ClientPlace, inPlace, thisPlace } from "./client-place.ts";
import { readConfigFile } from "./config-file.ts";
import { SshConnection } from "./connection.ts";
import { toReachError } from "./failures.ts";
import { prepareHostKeyCheck } from "./host-key-check.ts";
import { findIdentities, type GivenKey } from "./identities.ts";
import { createLink } from "./link.ts";
import { type PrivateKeyText, type ReadPrivateKey, readPrivateKey } from "./private-key.ts";

export type SshTransportOptions = {
  /** The SSH server: a host name, an address, or an alias of `~/.ssh/config`. */
  readonly server: string;
  /** Default: what the config says, else 22. */
  readonly serverPort?: number;
  /** Default: what the config says, else who is logged in here. */
  readonly user?: string;
  /** The database, as the server knows it. */
  readonly host: string;
  readonly port: number;
  /** The key to log in with, and no other. Default: the agent's keys, the config's and the default files. */
  readonly key?: GivenKey;
  /** For keys that are encrypted. Default: none. */
  readonly passphrase?: string;
  /** Default: `~/.ssh/config`, where it is there; `false`: none. */
  readonly configFile?: string | false;
  /** Default: what the config says, else `~/.ssh/known_hosts` and the system's. */
  readonly knownHostsFile?: string;
  /** Takes and keeps the key of a server that is not known; a changed one is refused all the same. Default: false. */
  readonly acceptNew?: boolean;
  /** For each server on the way, from the socket to the login. Default: what the config says, else 20 s. */
  readonly connectTimeoutMs?: number;
  /** Default: what the config says, else 5 s. */
  readonly keepAliveIntervalMs?: number;
  /** Answers that may be missing. Default: what the config says, else 3. */
  readonly keepAliveMisses?: number;
  readonly clock?: Clock;
  readonly log?: Log;
  /** This user on this machine: its home folder and environment (SSH_AUTH_SOCK). Default: as they are. */
  readonly place?: ClientPlace;
};

const defaults = Object.freeze({ connectTimeoutMs: 20_000, keepAliveIntervalMs: 5000, keepAliveMisses: 3 });

/**
 * Gets to the database through an SSH server's TCP forwarding (`ssh -L` without the program). The configuration, keys and
 * known hosts are read at each connect: what was mended counts without a restart. `ProxyJump` is followed.
 *
 * A connect goes in this order; what fails leaves nothing open.
 * 1. Configuration → the servers on the way.
 * 2. For each: known hosts and keys are read; TCP (the first) or a stream through the one before; key exchange, host key,
 *    login.
 */
export function sshTransport(options: SshTransportOptions): Transport {
  checkName("SSH server", options.server);
  checkName("database host", options.host);
  const read = createKeyReader();
  const log = options.log === undefined ? undefined : onceEach(options.log);
  const user = options.user === undefined ? "" : `${options.user}@`;
  const port = options.serverPort === undefined ? "" : `:${options.serverPort}`;
  return {
    kind: "ssh",
    route: `${formatHostPort(options)} through ${user}${options.server}${port}`,
    connect: async (signal) => connect({ ...options, ...(log === undefined ? {} : { log }) }, read, signal),
  };
}

async function connect(
  options: SshTransportOptions,
  read: (key: PrivateKeyText) => ReadPrivateKey,
  signal: AbortSignal,
): Promise<Link> {
  const { place = thisPlace(), clock = systemClock, log } = options;
  signal.throwIfAborted();
  const entries = await readEntries(options, place);
  const request = { server: options.server, port: options.serverPort, user: options.user };
  const { hops, remarks } = resolveRoute(entries, request, place);
  for (const remark of remarks) log?.warn("SSH configuration", { remark });
  const connections: SshConnection[] = [];
  try {
    for (const [index, hop] of hops.entries()) {
      const isLast = index === hops.length - 1;
      const host = withOptions(hop, options, place);
      const timeoutMs = options.connectTimeoutMs ?? host.connectTimeoutMs ?? defaults.connectTimeoutMs;
      const before = connections.at(-1);
      const server = `${host.hostName}:${host.port}`;
      const late = () =>
        new PosternError("tcp.timeout", `The SSH server ${server} did not let us in within ${timeoutMs / 1000} s.`);
      const connection = await withDeadline(timeoutMs, { clock, signal, late }, async (stop) => {
        const hostKey = await prepareHostKeyCheck(host, log);
        const { passphrase } = options;
        const given = isLast ? options.key : undefined;
        const identities = await findIdentities({ host, place, given, passphrase, read }, stop);
        return SshConnection.open(
          {
            host,
            socket: await openSocket(host, before, stop),
            hostKey,
            identities,
            keepAliveIntervalMs:
              options.keepAliveIntervalMs ?? host.keepAliveIntervalMs ?? defaults.keepAliveIntervalMs,
            keepAliveMisses: options.keepAliveMisses ?? host.keepAliveMisses ?? defaults.keepAliveMisses,
            clock,
            log,
          },
          stop,
        );
      });
      connections.push(connection);
    }
    return createLink(connections, { host: options.host, port: options.port, purpose: "PostgreSQL" });
  } catch (error) {
    for (const connection of connections.toReversed()) await connection.close();
    throw error;
  }
}

async function readEntries({ configFile }: SshTransportOptions, place: ClientPlace) {
  if (configFile === false) return [];
  const file = inPlace(configFile ?? "~/.ssh/config", place);
  return readConfigFile({ file, mayBeMissing: configFile === undefined, place });
}

function withOptions(host: SshHost, { knownHostsFile, acceptNew }: SshTransportOptions, place: ClientPlace): SshHost {
  return {
    ...host,
    ...(knownHostsFile === undefined ? {} : { knownHostsFiles: [inPlace(knownHostsFile, place)] }),
    acceptNew: acceptNew ?? host.acceptNew,
  };
}

async function openSocket(
  { hostName, port, addressFamily }: SshHost,
  before: SshConnection | undefined,
  signal: AbortSignal,
): Promise<Duplex> {
  if (before !== undefined) {
    return before.openStream({ host: hostName, port, purpose: "the next SSH server" }, signal);
  }
  try {
    return await openTcp({ host: hostName, port, ...(addressFamily && { family: addressFamily }) }, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw toReachError(error, `${hostName}:${port}`);
  }
}

/** A passphrase costs a second in which nothing else happens: a key is opened once, not at each reconnect. */
function createKeyReader(): (key: PrivateKeyText) => ReadPrivateKey {
  const opened = new Map<string, ReadPrivateKey>();
  return (key) => {
    const id = createHash("sha256")
      .update(JSON.stringify([key.text, key.passphrase]))
      .digest("base64");
    const before = opened.get(id);
    if (before !== undefined) return before;
    const read = readPrivateKey(key);
    if (read.kind === "key") opened.set(id, read);
    return read;
  };
}

/** A tunnel that reconnects reads the same configuration again: what it says of it is said once. */
function onceEach(log: Log): Log {
  const said = new Set<string>();
  const once =
    (say: Log["warn"]): Log["warn"] =>
    (message, fields) => {
      const line = JSON.stringify([message, fields]);
      if (said.has(line)) return;
      said.add(line);
      say(message, fields);
    };
  return {
    info: once((message, fields) => log.info(message, fields)),
    warn: once((message, fields) => log.warn(message, fields)),
  };
}

/** It goes into known_hosts, and to the server: neither is a place for spaces, commas or newlines. */
function checkName(what: string, name: string): void {
  if (/^[\p{L}\p{N}._:%-]+$/u.test(name) && !name.startsWith("-")) return;
  throw new PosternError(
    "usage.invalid",
    `The ${what} is ${JSON.stringify(name)}, expected a host name or an address.`,
  );
}
