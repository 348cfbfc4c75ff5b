import { type PosternError, toPosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import { examine } from "./examine.ts";

export type InsideOptions = {
  /** Without user and password, which `login` has. */
  readonly place: Omit<DatabaseAddress, "user" | "password">;
  /** The login of a role; fails where its secret cannot be read. */
  readonly login: () => Promise<Pick<DatabaseAddress, "user" | "password">>;
  readonly signal: AbortSignal;
};

/** The secret may take so long; a network without a way out says nothing. */
const secretMs = 4000;

/**
 * The doctor's walk from inside the VPC. Where the secret cannot be read (which is what a dead NAT looks like from here),
 * the walk still goes as far as the certificate, for which nobody needs to log in: what is broken then is the way to AWS,
 * not the database.
 */
export async function examineFromInside({ place, login, signal }: InsideOptions): Promise<DoctorReport> {
  const startMs = performance.now();
  const found = await readLogin(login);
  const ms = Math.round(performance.now() - startMs);
  if ("user" in found) return await examine({ address: { ...place, ...found }, vantage: "vpc", signal });
  const report = await examine({ address: { ...place, user: "nobody" }, vantage: "vpc", until: "certificate", signal });
  const detail = `${found.code}: ${found.message}`;
  const probes = [...report.probes, { name: "secret", vantage: "vpc", ok: false, ms, detail } as const];
  return { ...report, probes };
}

async function readLogin(
  login: InsideOptions["login"],
): Promise<Pick<DatabaseAddress, "user" | "password"> | PosternError> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${secretMs / 1000} s`)), secretMs);
  try {
    return await Promise.race([login(), late.promise]);
  } catch (error) {
    return toPosternError(error);
  } finally {
    clearTimeout(timer);
  }
}
