import { PosternError } from "#lib/base/errors.ts";
import type { RunnerPorts } from "#lib/migrate/runner.ts";
import { type Connection, type ConnectOptions, connect } from "#lib/postgres/connect.ts";
import type { AddressProvider } from "#lib/postgres/pool.ts";
import { type FunctionEnvironment, provideAddress } from "./function-environment.ts";
import { readRolePasswords } from "./role-passwords.ts";
import type { SecretReader } from "./secrets.ts";

type RoleAccess = Pick<RunnerPorts, "connectAs" | "masterAddress" | "readPasswords" | "secretVersions">;

/** How the runner gets at the database's roles: through the secrets that its environment names. */
export function createRoleAccess(environment: FunctionEnvironment, secrets: SecretReader): RoleAccess {
  return {
    connectAs: (role, options) => connectAs(provideAddress(environment, role, secrets), options),
    masterAddress: () => provideAddress(environment, "master", secrets)({ refresh: false }),
    readPasswords: () => readRolePasswords(environment, secrets),
    secretVersions: async (role) => {
      const secretId = environment.secrets[role];
      if (secretId === undefined) {
        throw new PosternError("config.invalid", `The runner was given no secret for the role ${role}.`);
      }
      const { createSecretVersions } = await import("./secret-versions.ts");
      return createSecretVersions(secretId);
    },
  };
}

/**
 * When the server refuses the password, the secret is read anew and tried once more: it may have been rotated since this
 * process read it.
 */
async function connectAs(provide: AddressProvider, options: ConnectOptions): Promise<Connection> {
  try {
    return await connect(await provide({ refresh: false }), options);
  } catch (error) {
    if (!(error instanceof PosternError) || error.sqlState !== "28P01") throw error;
    return await connect(await provide({ refresh: true }), options);
  }
}
