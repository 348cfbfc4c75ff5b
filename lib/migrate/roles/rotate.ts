import type pg from "pg";
import { roleNames, type RotatableRole } from "#lib/contract.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { generatePassword } from "#lib/postgres/generate-password.ts";
import { quoteIdentifier, quoteLiteral } from "#lib/postgres/quote.ts";
import { acquireLock } from "../run/lock.ts";
import { createScramVerifier } from "./scram-verifier.ts";

/** The secret of one role, as far as a rotation needs it. Versions and their labels are Secrets Manager's. */
export interface SecretVersions {
  /** The password that readers get: AWSCURRENT. */
  readCurrent(): Promise<string>;
  /** Stores a new version labelled AWSPENDING, which readers do not see, and returns its id. */
  putPending(login: { readonly username: string; readonly password: string }): Promise<string>;
  /** Moves AWSCURRENT to that version. */
  promote(versionId: string): Promise<void>;
}

export type RotateOptions = {
  readonly role: RotatableRole;
  readonly secret: SecretVersions;
  /** Where the role logs in to prove its new password; user and password are replaced. */
  readonly address: DatabaseAddress;
  readonly signal?: AbortSignal;
};

export type RotateResult = { readonly role: string; readonly versionId: string };

/**
 * Gives a role a new password, as the master. Sessions that are open stay open.
 *
 * 1. Lock, so that it mixes with no other rotation and with no setup, and read the present password. State after a
 *    failure: as before.
 * 2. Put a new random password into the secret as AWSPENDING. State: as before; readers do not see it.
 * 3. Give the role the new password. State when the process dies from here on: the role has the new password, readers
 *    get the old one. Running the rotation again heals it.
 * 4. Log in with the new password. When that fails, the role gets the old one back. State: as before, or, when even that
 *    fails, as after 3.
 * 5. Promote AWSPENDING to AWSCURRENT. State after a failure: as after 3, or done, when only the answer was lost; the role
 *    keeps the new password, because the promotion may have happened. Running the rotation again heals both.
 *
 * Between 3 and 5, some milliseconds, a new login with the old password is refused. Readers that ask for the secret again
 * on 28P01 and retry get over it (pool.ts, connect-as.ts).
 *
 * @throws PosternError `lock.held`, the secret's own errors, or what stood in the way of the login
 */
export async function rotateRole(client: pg.Client, options: RotateOptions): Promise<RotateResult> {
  const role = roleNames[options.role];
  const doing = `rotating the password of ${role}`;
  await using _lock = await acquireLock(client, "roles", { waitMs: 0 });
  const oldVerifier = await createScramVerifier(await options.secret.readCurrent());
  const password = generatePassword();
  const verifier = await createScramVerifier(password);
  options.signal?.throwIfAborted();
  const versionId = await options.secret.putPending({ username: role, password });
  try {
    await setVerifier(client, role, verifier);
    await proveLogin({ ...options.address, user: role, password }, options.signal);
  } catch (error) {
    await setVerifier(client, role, oldVerifier).catch(() => undefined);
    throw toDatabaseError(error, doing);
  }
  await options.secret.promote(versionId);
  return { role, versionId };
}

async function setVerifier(client: pg.Client, role: string, verifier: string): Promise<void> {
  await client.query(`alter role ${quoteIdentifier(role)} password ${quoteLiteral(verifier)}`);
}

async function proveLogin(address: DatabaseAddress, signal: AbortSignal | undefined): Promise<void> {
  await using _connection = await connect(address, { applicationName: "postern rotate", signal });
}
