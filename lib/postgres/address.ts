import { isIP } from "node:net";
import { PosternError } from "#lib/base/errors.ts";
import { formatHostPort } from "#lib/base/host-port.ts";
import { readCaFile } from "./tls.ts";

export const sslModes = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
export type SslMode = (typeof sslModes)[number];

/** Where a database is, who asks, and how much TLS must prove. The password is the only secret in it. */
export type DatabaseAddress = {
  /** Name or IP address that the socket goes to. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password?: string;
  readonly sslMode: SslMode;
  /** PEM certificates of the CAs to trust; absent: Node's roots. */
  readonly ca?: readonly string[];
  /** The name to verify, when `host` is only where the socket goes (a tunnel's local end). */
  readonly servername?: string;
  /** `application_name` of the URL: kept behind the program's own. */
  readonly applicationName?: string;
  /** `connect_timeout` of the URL. */
  readonly connectTimeoutMs?: number;
};

export type ParseUrlOptions = {
  /** CAs to trust when the URL names none. */
  readonly ca?: readonly string[];
  /**
   * Asked when neither names any, and only for `verify-full`: the CAs for the name that is verified. Without a name to check,
   * what a public CA signed proves nothing.
   */
  readonly findCa?: (name: string) => Promise<readonly string[] | undefined>;
};

/** "host:port/database": safe to print. */
export function describeAddress(address: Pick<DatabaseAddress, "host" | "port" | "database">): string {
  return `${formatHostPort(address)}/${address.database}`;
}

/**
 * Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?…` as libpq does, with two defaults of our own: `sslmode` is
 * `verify-full`, and what libpq would take from the environment or from files in the home folder is not looked for.
 *
 * Parameters: `sslmode`, `sslrootcert` (a PEM file, or `system` for Node's roots), `hostaddr` (where the socket goes,
 * while the certificate is checked against the host), `application_name`, `connect_timeout` (seconds).
 * Every problem is reported together; no message quotes what may be part of a password.
 *
 * @throws PosternError `url.invalid`; whatever `findCa` throws
 */
export async function parseDatabaseUrl(url: string, options: ParseUrlOptions = {}): Promise<DatabaseAddress> {
  const parsed = splitUrl(url);
  const problems: string[] = [];
  const parameters = readParameters(parsed.search, problems);

  const user = decode(parsed.username, "user", problems);
  const password = decode(parsed.password, "password", problems);
  const host = decode(parsed.hostname.replace(/^\[(.*)\]$/, "$1"), "host", problems);
  const database = decode(parsed.pathname.slice(1), "database", problems);
  if (user === "") problems.push("it names no user");
  if (host === "") problems.push("it names no host");
  if (host.startsWith("/")) problems.push(unixSockets);
  if (host.includes(",")) problems.push("it names several hosts: expected one");
  if (parsed.hash !== "") problems.push("it holds a bare #: write it as %23");

  const sslMode = readSslMode(parameters, problems);
  const hostaddr = readHostaddr(parameters.hostaddr, problems);
  const connectTimeoutMs = readConnectTimeout(parameters.connect_timeout, problems);
  const named = await readCa(parameters.sslrootcert, sslMode, options.ca, problems);
  if (problems.length > 0) throw invalidUrl(problems.join("; "));
  const mayFindCa = named === undefined && sslMode === "verify-full" && parameters.sslrootcert !== "system";
  const ca = mayFindCa ? await options.findCa?.(host) : named;

  return {
    host: hostaddr ?? host,
    port: parsed.port === "" ? 5432 : Number(parsed.port),
    database: database === "" ? user : database,
    user,
    sslMode,
    ...(password === "" ? {} : { password }),
    ...(ca === undefined ? {} : { ca }),
    ...(hostaddr === undefined ? {} : { servername: host }),
    ...(parameters.application_name === undefined ? {} : { applicationName: parameters.application_name }),
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
  };
}

/** Never quotes its input: `new URL` puts the whole of it, password included, into the error that it throws. */
function splitUrl(url: string): URL {
  const [, scheme, authority = ""] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)/i.exec(url) ?? [];
  if (scheme === undefined || !["postgres", "postgresql"].includes(scheme.toLowerCase())) {
    throw invalidUrl("it does not begin with postgres:// or postgresql://");
  }
  if (authority.slice(authority.lastIndexOf("@") + 1).includes(",")) {
    throw invalidUrl("it names several hosts: expected one");
  }
  // Without a host, as libpq has them, it is no URL to anybody else.
  if (/[?&]host=(?:\/|%2F)/iu.test(url)) throw invalidUrl(unixSockets);
  const parsed = URL.parse(url);
  if (parsed !== null && parsed.port !== "0") return parsed;
  throw invalidUrl(
    "its host or port cannot be read: expected HOST:PORT with a port from 1 to 65535; the characters @ : / ? # % in a user name or password must be percent-encoded",
  );
}

const parameterNames = ["sslmode", "sslrootcert", "hostaddr", "application_name", "connect_timeout"] as const;
type Parameters = Partial<Record<(typeof parameterNames)[number], string>>;

function readParameters(search: string, problems: string[]): Parameters {
  const parameters: Parameters = {};
  // libpq knows no form encoding: its plus is a plus.
  for (const [name, value] of new URLSearchParams(search.replaceAll("+", "%2B"))) {
    const known = parameterNames.find((one) => one === name);
    if (known === undefined) problems.push(unknownParameter(name));
    else if (value.includes("\0")) problems.push(`its ${known} holds a NUL character`);
    else parameters[known] = value;
  }
  return parameters;
}

/** libpq takes a socket's folder as a parameter, too. */
const unixSockets = "Unix sockets are not supported: use 127.0.0.1";

/** What stands behind an unescaped `?` in a password looks like a parameter: only a plain word is safe to repeat. */
function unknownParameter(name: string): string {
  const supported = `supported are ${parameterNames.join(", ")}`;
  if (/^[a-z][a-z0-9_]*$/i.test(name)) return `its parameter ${name} is not supported (${supported})`;
  return `it holds a parameter that is not supported (${supported}); a ? in the password must be written as %3F`;
}

function readSslMode(parameters: Parameters, problems: string[]): SslMode {
  const { sslmode, sslrootcert } = parameters;
  const mode = sslModes.find((one) => one === sslmode);
  if (sslmode !== undefined && mode === undefined) {
    problems.push(`its sslmode is ${JSON.stringify(sslmode)}: expected ${sslModes.join(", ")}`);
  }
  // libpq refuses this too: a public CA signs for anyone, so that only the name says whose certificate it is.
  if (sslrootcert === "system" && mode !== undefined && mode !== "verify-full") {
    problems.push(`sslrootcert=system goes with sslmode=verify-full only, not with ${mode}`);
  }
  return mode ?? "verify-full";
}

function readHostaddr(text: string | undefined, problems: string[]): string | undefined {
  if (text !== undefined && isIP(text) === 0) {
    problems.push(`its hostaddr is ${JSON.stringify(text)}: expected an IP address`);
  }
  return text;
}

function readConnectTimeout(text: string | undefined, problems: string[]): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (!/^\d+$/.test(text) || seconds < 1 || seconds > 3600) {
    problems.push(`its connect_timeout is ${JSON.stringify(text)}: expected whole seconds from 1 to 3600`);
  }
  return seconds * 1000;
}

async function readCa(
  sslrootcert: string | undefined,
  sslMode: SslMode,
  fallback: readonly string[] | undefined,
  problems: string[],
): Promise<readonly string[] | undefined> {
  if (sslrootcert === "system") return undefined;
  if (sslrootcert === undefined || sslrootcert === "") {
    // Node's roots sign for anyone: without a name to check they prove nothing.
    if (sslMode === "verify-ca" && fallback === undefined) {
      problems.push("sslmode=verify-ca needs a CA: name its file with --ca or sslrootcert, or use verify-full");
    }
    return fallback;
  }
  try {
    return await readCaFile(sslrootcert);
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    problems.push(`its sslrootcert: ${error.message.replace(/\.$/, "")}`);
    return undefined;
  }
}

function decode(text: string, part: string, problems: string[]): string {
  try {
    const decoded = decodeURIComponent(text);
    // The startup message ends each value at a NUL: the rest would be read as further parameters.
    if (decoded.includes("\0")) problems.push(`its ${part} holds a NUL character`);
    return decoded;
  } catch {
    problems.push(`its ${part} is not percent-encoded correctly (a bare % is written as %25)`);
    return "";
  }
}

function invalidUrl(problem: string): PosternError {
  return new PosternError("url.invalid", `The database URL is not valid: ${problem}.`);
}
