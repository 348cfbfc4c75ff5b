import { join } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import type { ClientPlace } from "./client-place.ts";
import type { ConfigEntry } from "./config-file.ts";
import { selectEntries } from "./config-match.ts";
import { expandPath, expandTokens } from "./config-tokens.ts";

/** A server to log in at, as `~/.ssh/config` and the caller describe it. */
export type SshHost = {
  /** What the user typed. */
  readonly alias: string;
  readonly hostName: string;
  readonly port: number;
  readonly user: string;
  /** As known_hosts has it. */
  readonly knownAs: { readonly host: string; readonly port: number };
  /** Absent: the default files. */
  readonly identityFiles?: readonly string[];
  /** The agent is asked for these keys alone. */
  readonly identitiesOnly: boolean;
  /** The agent's socket. */
  readonly agent?: string;
  readonly knownHostsFiles: readonly string[];
  readonly acceptNew: boolean;
  readonly addressFamily?: 4 | 6;
  readonly keepAliveIntervalMs?: number;
  readonly keepAliveMisses?: number;
  readonly connectTimeoutMs?: number;
};

export type SshHostRequest = {
  /** A host name, or an alias of the config. */
  readonly server: string;
  /** These win over the config. */
  readonly port?: number | undefined;
  readonly user?: string | undefined;
};

export type SshRoute = {
  /** Those to pass, in order, and at last the server itself. */
  readonly hops: readonly SshHost[];
  /** What the config says and is not done here, for the log. */
  readonly remarks: readonly string[];
};

const maxHops = 8;
const globalKnownHosts = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];

/** Would change where the connection goes, or who is trusted: what cannot be done is refused. */
const refused: Readonly<Record<string, string>> = {
  proxycommand: "no program is run to connect: write `ProxyJump HOST` where it is `ssh -W %h:%p HOST`",
  knownhostscommand: "no program is run to find host keys: put them into a known_hosts file",
  certificatefile: "certificates are not supported: use a key that the server knows",
  pkcs11provider: "no PKCS#11 library is loaded: add the key to the agent",
  revokedhostkeys: "lists of revoked keys are not read: mark the key with @revoked in known_hosts",
  canonicalizehostname: "names are not completed: write the whole name as HostName",
  bindaddress: "the address here cannot be chosen",
  bindinterface: "the interface here cannot be chosen",
};
const refusedUnless = new Set(["none", "no", ""]);

/** Left at the defaults, which are safe ones: worth a remark where a connection then fails. */
const leftOut = new Set(["ciphers", "macs", "kexalgorithms", "hostkeyalgorithms", "pubkeyacceptedalgorithms"]);

/**
 * Works out the servers on the way, in order. What the file says and this cannot do is refused or remarked upon, never
 * dropped. Pure.
 *
 * @throws PosternError config.invalid
 */
export function resolveRoute(entries: readonly ConfigEntry[], request: SshHostRequest, place: ClientPlace): SshRoute {
  const remarks: string[] = [];
  const hops = resolveHops({ entries, place, remarks, depth: 0 }, request);
  return { hops, remarks: [...new Set(remarks)] };
}

type Resolution = {
  readonly entries: readonly ConfigEntry[];
  readonly place: ClientPlace;
  readonly remarks: string[];
  readonly depth: number;
};

function resolveHops(resolution: Resolution, request: SshHostRequest): readonly SshHost[] {
  const { host, jumps } = resolveHost(resolution, request);
  const [first, ...others] = jumps;
  if (first === undefined) return [host];
  if (resolution.depth >= maxHops) throw invalid(`ProxyJump leads from ${request.server} through too many servers`);
  // The first is reached as the config says, the others through the one before.
  const way = resolveHops({ ...resolution, depth: resolution.depth + 1 }, first);
  const between = others.map((jump) => resolveHost(resolution, jump).host);
  return [...way, ...between, host];
}

function resolveHost(
  { entries, place, remarks }: Resolution,
  request: SshHostRequest,
): { readonly host: SshHost; readonly jumps: readonly SshHostRequest[] } {
  const alias = request.server;
  const selected = selectEntries(entries, { alias, user: request.user, localUser: place.user, remarks });
  const first = (keyword: string) => selected.find((entry) => entry.keyword === keyword);
  const text = (keyword: string) => first(keyword)?.values.join(" ");

  const hostName = expandTokens(text("hostname") ?? alias, { h: alias, n: alias }, "HostName").toLowerCase();
  const port = request.port ?? number("Port", text("port"), 1, 65_535) ?? 22;
  const user = request.user ?? text("user") ?? place.user;
  // The first of the two wins, as in ssh.
  const proxy = selected.find(({ keyword }) => keyword === "proxyjump" || keyword === "proxycommand");
  for (const [keyword, reason] of Object.entries(refused)) {
    if (keyword === "proxycommand" && proxy?.keyword !== keyword) continue;
    const value = text(keyword);
    if (value === undefined || refusedUnless.has(value.toLowerCase())) continue;
    throw invalid(`${first(keyword)?.file ?? ""} has ${keyword} for ${alias}, but ${reason}`);
  }
  for (const keyword of leftOut) {
    if (first(keyword) !== undefined) remarks.push(`${keyword} for ${alias} is left at the default`);
  }
  const tokens = { d: place.home, h: hostName, n: alias, p: String(port), r: user, u: place.user };
  const path = (value: string, what: string) => expandPath(value, tokens, place, what);
  const keyAlias = text("hostkeyalias");
  const identityFiles = selected
    .filter(({ keyword }) => keyword === "identityfile")
    .flatMap(({ values }) => values)
    .filter((file) => file.toLowerCase() !== "none")
    .map((file) => path(file, "IdentityFile"));
  const agent = agentOf(text("identityagent"), place, path);
  const files = (keyword: string, fallback: readonly string[]) =>
    (first(keyword)?.values ?? fallback)
      .filter((file) => file.toLowerCase() !== "none" && file !== "/dev/null")
      .map((file) => path(file, keyword));
  const userFiles = files("userknownhostsfile", ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]);
  const checking = (text("stricthostkeychecking") ?? "yes").toLowerCase();
  if (checking === "no" || checking === "off") {
    remarks.push(`StrictHostKeyChecking ${checking} for ${alias} is not done: host keys are always verified`);
  }
  return {
    host: {
      alias,
      hostName,
      port,
      user,
      knownAs: keyAlias === undefined ? { host: hostName, port } : { host: keyAlias, port: 22 },
      ...(first("identityfile") === undefined ? {} : { identityFiles }),
      identitiesOnly: text("identitiesonly")?.toLowerCase() === "yes",
      ...optional("agent", agent),
      knownHostsFiles: [...userFiles, ...files("globalknownhostsfile", globalKnownHosts)],
      acceptNew: checking === "accept-new",
      ...optional("addressFamily", addressFamilies[text("addressfamily")?.toLowerCase() ?? "any"]),
      ...optional("keepAliveIntervalMs", milliseconds(number("ServerAliveInterval", text("serveraliveinterval"), 0))),
      ...optional("keepAliveMisses", number("ServerAliveCountMax", text("serveralivecountmax"), 1)),
      ...optional("connectTimeoutMs", milliseconds(number("ConnectTimeout", text("connecttimeout"), 0))),
    },
    jumps: proxy?.keyword === "proxyjump" ? jumpsOf(proxy.values.join(" "), alias) : [],
  };
}

/** `[user@]host[:port]` or `ssh://…`, several with commas between; `none` ends the search. */
function jumpsOf(value: string, alias: string): readonly SshHostRequest[] {
  if (value.toLowerCase() === "none") return [];
  return value.split(",").map((jump) => {
    const found = /^(?:ssh:\/\/)?(?:([^@\s]+)@)?(?:\[([^\]\s]+)\]|([^:@\s/]+))(?::(\d+))?\/?$/u.exec(jump.trim());
    const server = found?.[2] ?? found?.[3];
    if (server === undefined) throw invalid(`ProxyJump for ${alias} is "${value}", expected [user@]host[:port]`);
    return { server, user: found?.[1], port: number("ProxyJump's port", found?.[4], 1, 65_535) };
  });
}

/** `none`, the variable's name with or without a dollar, or a path. */
function agentOf(
  value: string | undefined,
  { env }: ClientPlace,
  path: (value: string, what: string) => string,
): string | undefined {
  if (value?.toLowerCase() === "none") return undefined;
  const variable =
    value === undefined ? "SSH_AUTH_SOCK" : /^(?:\$(\w+)|(SSH_AUTH_SOCK))$/u.exec(value)?.slice(1).join("");
  if (variable === undefined) return path(value ?? "", "IdentityAgent");
  const socket = env[variable];
  return socket === "" ? undefined : socket;
}

const addressFamilies: Readonly<Record<string, 4 | 6>> = { inet: 4, inet6: 6 };

function number(what: string, value: string | undefined, min: number, max = 86_400): number | undefined {
  if (value === undefined) return undefined;
  const parsed = /^\d+$/u.test(value) ? Number(value) : Number.NaN;
  if (!(parsed >= min && parsed <= max)) throw invalid(`${what} is "${value}", expected ${min} to ${max}`);
  return parsed;
}

/** Zero: left out, as ssh means it. */
function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined || seconds === 0 ? undefined : seconds * 1000;
}

function optional<Name extends string, Value>(name: Name, value: Value | undefined): { readonly [N in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [N in Name]?: Value });
}

/** The files ssh tries when nobody names one, the strongest kind first. */
export function defaultIdentityFiles({ home }: ClientPlace): readonly string[] {
  return ["id_ed25519", "id_ecdsa", "id_rsa"].map((name) => join(home, ".ssh", name));
}

function invalid(message: string): PosternError {
  return new PosternError("config.invalid", `${message}.`, {
    hint: "Change it in ~/.ssh/config, or name another configuration file for this tunnel.",
  });
}
