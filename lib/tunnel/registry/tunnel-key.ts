import { createHash } from "node:crypto";
import { appName } from "#lib/contract.ts";

type Database = { readonly host: string; readonly port: number };

/**
 * Names one tunnel among a user's: a file name of the registry. The database is in it because stages of two accounts may
 * have one name.
 */
export function tunnelKey(name: string, { host, port }: Database): string {
  return `${name.replaceAll(/[^\w.-]/gu, "-").slice(0, 64)}-${digest(`${host}:${port}`).toString("hex").slice(0, 8)}`;
}

/** Below the ports that Linux (32768) and others (49152) give to outgoing connections, above those of common servers. */
const ports = { first: 20_000, count: 10_000 } as const;

/** The local port of a tunnel before anybody had to choose another: the same on every machine. Pure. */
export function preferredPort(name: string): number {
  return ports.first + (digest(`${appName}/${name}`).readUInt32BE(0) % ports.count);
}

/** The one to try when `port` is taken. */
export function portAfter(port: number): number {
  return ports.first + ((port - ports.first + 1) % ports.count);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
