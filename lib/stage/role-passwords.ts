import { PosternError } from "#lib/base/errors.ts";
import { type RoleKey, roleNames, rotatableRoles } from "#lib/contract.ts";
import { generatePassword } from "#lib/postgres/generate-password.ts";
import { type AwsAccess, environmentAccess } from "./aws-access.ts";
import type { FunctionEnvironment } from "./function-environment.ts";
import type { SecretReader } from "./secrets.ts";

const roleKeys = Object.keys(roleNames) as readonly RoleKey[];
const serviceRoles: readonly RoleKey[] = rotatableRoles;

/**
 * Passwords of the roles, as their secrets have them now: never from memory, for setup puts right what a rotation that broke off has
 * left behind.
 *
 * A deploy makes the secrets of the service roles without a value, so that no password is ever in the state of a deploy. Such a
 * secret gets its first password here. It is in the secret before any role has it: whoever breaks off in between leaves a secret
 * that is ahead of its role, which the next setup puts right. A human role without a value has no password.
 *
 * Call it with the lock on the roles held.
 *
 * @throws PosternError `secret.missing` for a secret that is not there, `secret.invalid`, `aws.*`
 */
export async function readRolePasswords(
  { secrets: secretIds }: Pick<FunctionEnvironment, "secrets">,
  secrets: SecretReader,
  access: AwsAccess = environmentAccess,
): Promise<Partial<Record<RoleKey, string>>> {
  const entries = roleKeys.map(async (role) => {
    const secretId = secretIds[role];
    const password = secretId === undefined ? undefined : await readOrMake(role, secretId, { secrets, access });
    return password === undefined ? [] : [[role, password] as const];
  });
  return Object.fromEntries((await Promise.all(entries)).flat());
}

type Where = { readonly secrets: SecretReader; readonly access: AwsAccess };

async function readOrMake(role: RoleKey, secretId: string, { secrets, access }: Where): Promise<string | undefined> {
  try {
    return (await secrets.refresh(secretId)).password;
  } catch (error) {
    if (!(error instanceof PosternError) || error.code !== "secret.missing") throw error;
    if (!serviceRoles.includes(role)) return undefined;
  }
  const first = { username: roleNames[role], password: generatePassword() };
  // Loaded here: only the first setup of a stage needs it.
  const { putFirstSecret } = await import("./first-secret.ts");
  return (await putFirstSecret(secretId, first, access)) ? first.password : (await secrets.refresh(secretId)).password;
}
