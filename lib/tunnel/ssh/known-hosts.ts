import { createHash, createHmac } from "node:crypto";
import { matchesPatternList } from "./host-pattern.ts";
import { readString } from "./openssh-key.ts";

/**
 * `known_hosts`: which keys a server may show. Pure; files are read and written elsewhere.
 *
 * How a key is judged, as OpenSSH does it (`hostfile.c`, `sshconnect.c`):
 * 1. A line marked `@revoked` with this key and a pattern for this host: refused, whatever else is there.
 * 2. A line for this host with this key: known.
 * 3. A line for this host with any other key, of whatever type: changed. A type that the file does not have is no
 *    excuse: else whoever sits in between would show a key of another type.
 * 4. On another port than 22: a line for the host without a port, and with this key: known.
 * 5. None: unknown. A line marked `@cert-authority` makes nothing known here: certificates cannot be checked.
 *
 * @see https://man.openbsd.org/sshd#SSH_KNOWN_HOSTS_FILE_FORMAT
 */
export type KnownHost = {
  readonly marker: "none" | "revoked" | "cert-authority";
  /** `db1,10.0.0.*,!10.0.0.9` or `|1|salt|hash`. */
  readonly hosts: string;
  readonly key: Buffer;
  readonly file: string;
  /** From 1. */
  readonly line: number;
};

export type KnownHosts = {
  readonly entries: readonly KnownHost[];
  /** Lines that are no entry, which count as if they were not there. */
  readonly unreadable: readonly { readonly file: string; readonly line: number }[];
};

export type HostAddress = { readonly host: string; readonly port: number };

export type HostKeyVerdict =
  | { readonly outcome: "known" }
  | { readonly outcome: "changed" | "revoked"; readonly entry: KnownHost }
  | { readonly outcome: "unknown"; readonly authority?: KnownHost };

const sshPort = 22;

export function parseKnownHosts(text: string, file: string): KnownHosts {
  const entries: KnownHost[] = [];
  const unreadable: { file: string; line: number }[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const content = raw.trim();
    if (content === "" || content.startsWith("#")) continue;
    const line = index + 1;
    const entry = parseLine(content);
    if (entry === undefined) unreadable.push({ file, line });
    else entries.push({ ...entry, file, line });
  }
  return { entries, unreadable };
}

function parseLine(content: string): Omit<KnownHost, "file" | "line"> | undefined {
  const fields = content.split(/\s+/u);
  const marker = fields[0]?.startsWith("@") === true ? fields.shift() : undefined;
  if (marker !== undefined && marker !== "@revoked" && marker !== "@cert-authority") return undefined;
  const [hosts, type, base64] = fields;
  if (hosts === undefined || type === undefined || base64 === undefined) return undefined;
  const key = Buffer.from(base64, "base64");
  if (keyTypeOf(key) !== type) return undefined;
  return { marker: marker === undefined ? "none" : marker === "@revoked" ? "revoked" : "cert-authority", hosts, key };
}

export function judgeHostKey(entries: readonly KnownHost[], address: HostAddress, key: Buffer): HostKeyVerdict {
  const name = knownHostsName(address);
  const mine = entries.filter(({ hosts }) => matchesHosts(hosts, name));
  const revoked = entries.find(
    ({ marker, hosts, key: one }) =>
      marker === "revoked" && one.equals(key) && (matchesHosts(hosts, name) || matchesHosts(hosts, address.host)),
  );
  if (revoked !== undefined) return { outcome: "revoked", entry: revoked };
  const keys = mine.filter(({ marker }) => marker === "none");
  if (keys.some((one) => one.key.equals(key))) return { outcome: "known" };
  const [other] = keys;
  if (other !== undefined) return { outcome: "changed", entry: other };
  const isKnownWithoutPort = entries.some(
    ({ marker, hosts, key: one }) => marker === "none" && one.equals(key) && matchesHosts(hosts, address.host),
  );
  if (isKnownWithoutPort) return { outcome: "known" };
  const authority = mine.find(({ marker }) => marker === "cert-authority");
  return authority === undefined ? { outcome: "unknown" } : { outcome: "unknown", authority };
}

/** Types of the keys that are known of a host: the server is to show one of these, if it has it. */
export function knownKeyTypes(entries: readonly KnownHost[], address: HostAddress): readonly string[] {
  const named = (name: string) =>
    entries
      .filter(({ marker, hosts }) => marker === "none" && matchesHosts(hosts, name))
      .map(({ key }) => keyTypeOf(key));
  const types = named(knownHostsName(address));
  return [...new Set(types.length > 0 ? types : named(address.host))].filter((type) => type !== undefined);
}

/** How a host is named in the file: its port is there where it is not SSH's own. */
function knownHostsName({ host, port }: HostAddress): string {
  const name = host.toLowerCase();
  return port === sshPort ? name : `[${name}]:${port}`;
}

export function knownHostsLine(address: HostAddress, key: Buffer): string {
  return `${knownHostsName(address)} ${keyTypeOf(key)} ${key.toString("base64")}`;
}

/** As `ssh-keygen -l` prints it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/u, "")}`;
}

/** "ssh-ed25519": the first string in every public key. */
export function keyTypeOf(key: Buffer): string | undefined {
  const type = readString(key, 0)?.value.toString("latin1");
  return type !== undefined && /^[a-z0-9@.-]+$/u.test(type) ? type : undefined;
}

function matchesHosts(hosts: string, name: string): boolean {
  const lower = name.toLowerCase();
  if (hosts.startsWith("|")) return matchesHash(hosts, lower);
  return matchesPatternList(hosts.toLowerCase().split(","), lower);
}

/** `|1|salt|hash`: HMAC-SHA1 of the name, keyed by the salt. */
function matchesHash(hosts: string, name: string): boolean {
  const [, version, salt, hash] = hosts.split("|");
  if (version !== "1" || salt === undefined || hash === undefined) return false;
  return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === hash;
}
