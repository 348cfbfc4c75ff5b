import { PosternError } from "#lib/base/errors.ts";
import { type Manifest, type RoleKey, roleNames } from "#lib/contract.ts";
import type { AwsAccess } from "./aws-access.ts";

/** How a person logs in to a stage's database as one of its roles. */
export type DatabaseLogin = {
  readonly user: string;
  /** The password as it is now: the role's secret, or a token that is good for logins within 15 minutes. */
  readonly password: () => Promise<string>;
  readonly kind: "secret" | "iam-token";
};

/**
 * A role whose secret the manifest names has that password; one without logs in with IAM, by a token for the database's own
 * host and port.
 */
export function databaseLogin(manifest: Manifest, role: RoleKey, access: AwsAccess): DatabaseLogin {
  const { secrets, database, region } = manifest;
  const secretId = secrets[role];
  if (secretId !== undefined) {
    return {
      user: roleNames[role],
      kind: "secret",
      password: async () => readSecret(secretId, roleNames[role], access),
    };
  }
  const user = roleNames[role];
  return {
    user,
    kind: "iam-token",
    password: async () => {
      // Loaded here: only where there is IAM it is needed.
      const { makeIamToken } = await import("./iam-token.ts");
      return await makeIamToken({ host: database.host, port: database.port, user, region, access });
    },
  };
}

async function readSecret(secretId: string, user: string, access: AwsAccess): Promise<string> {
  const [{ fetchSecretText }, { parseSecret }] = await Promise.all([
    import("./secrets-manager.ts"),
    import("./secrets.ts"),
  ]);
  const { username, password } = parseSecret(await fetchSecretText(secretId, access), secretId);
  if (username === user) return password;
  throw new PosternError("secret.invalid", `The secret ${secretId} is of the role ${username}, not of ${user}.`);
}
