import { isIP } from "node:net";
import { formatHostPort } from "#lib/base/host-port.ts";
import type { DatabaseAddress, SslMode } from "#lib/postgres/address.ts";

export type UrlWishes = {
  readonly sslMode: SslMode;
  /** `system`, or the name of a PEM file. */
  readonly sslRootCert?: string;
  /** The name that is in the certificate, where that is not the host of the address. */
  readonly name?: string;
  /** Where the socket goes then. */
  readonly hostAddress?: string;
};

/** A connection string that psql and this program read alike. The password is never in it. Pure. */
export function connectionUrl(address: DatabaseAddress, wishes: UrlWishes): string {
  const { sslMode, sslRootCert, name = address.servername ?? address.host } = wishes;
  const { port, user, database } = address;
  const socketGoesTo = wishes.hostAddress ?? (address.servername === undefined ? undefined : address.host);
  const hostaddr = socketGoesTo === name || isIP(socketGoesTo ?? "") === 0 ? undefined : socketGoesTo;
  const parameters = Object.entries({ sslmode: sslMode, sslrootcert: sslRootCert, hostaddr }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${encodeURIComponent(value).replaceAll("%2F", "/").replaceAll("%3A", ":")}`],
  );
  const place = formatHostPort({ host: name, port });
  return `postgres://${encodeURIComponent(user)}@${place}/${encodeURIComponent(database)}?${parameters.join("&")}`;
}
