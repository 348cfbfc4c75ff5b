import { isIP } from "node:net";

/** "host:port", for people and for URLs: an IPv6 address stands in brackets, or nobody sees where it ends. */
export function formatHostPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
