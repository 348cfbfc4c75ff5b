import { join } from "node:path";
import { readIfPresent, writeWhole } from "#lib/base/private-file.ts";
import type { ServerUser } from "../process/unprivileged-user.ts";
import {
  type Certified,
  createAuthority,
  createServerCertificate,
  isUsableAuthority,
  isUsableServerCertificate,
} from "#lib/base/certificates.ts";
import type { PostgresHome } from "./home.ts";

/** Names that the server certificate always has. */
const loopbackNames = ["localhost", "127.0.0.1", "::1"] as const;

export type ServerIdentity = { readonly caFile: string; readonly caPem: string };

/**
 * The data folder's own authority and the server certificate it signed: made at the first start, the certificate anew
 * when it has less than 30 days left or lacks a name. Clients read `ca.pem`; each key is for its owner only.
 */
export async function ensureServerIdentity(
  home: PostgresHome,
  extraNames: readonly string[],
  user: ServerUser | undefined,
  now: Date,
): Promise<ServerIdentity> {
  const names = [...loopbackNames, ...extraNames];
  const caFile = join(home.data, "ca.pem");
  const caKeyFile = join(home.data, "ca.key");
  const certificateFile = join(home.server, "server.pem");
  const keyFile = join(home.server, "server.key");

  const foundAuthority = await readPair(caFile, caKeyFile);
  const keepsAuthority = isUsableAuthority(foundAuthority, now);
  const authority = keepsAuthority ? foundAuthority : await createAuthority("Postern local authority", now);
  if (!keepsAuthority) {
    await writeWhole(caKeyFile, authority.privateKey);
    await writeWhole(caFile, authority.certificate, { mode: 0o644 });
  }
  if (!isUsableServerCertificate(await readPair(certificateFile, keyFile), authority, names, now)) {
    const server = await createServerCertificate(authority, names, now);
    await writeWhole(keyFile, server.privateKey, { owner: user });
    await writeWhole(certificateFile, server.certificate, { mode: 0o644 });
  }
  return { caFile, caPem: authority.certificate };
}

async function readPair(certificateFile: string, keyFile: string): Promise<Certified> {
  const [certificate = "", privateKey = ""] = await Promise.all([
    readIfPresent(certificateFile),
    readIfPresent(keyFile),
  ]);
  return { certificate, privateKey };
}
