import { join } from "node:path";
import * as v from "valibot";
import { writeWhole } from "#lib/base/private-file.ts";
import { rotatableRoles, roleNames, secretName, type SecretOwner } from "#lib/contract.ts";
import { generatePassword } from "#lib/postgres/generate-password.ts";
import { formatPasswordLine } from "#lib/postgres/password-file.ts";
import { createEmptySecret, openSecretFile, secretValue, type SecretStore, storeSecret } from "../aws/secret-store.ts";
import { type Secret } from "../aws/secret-versions.ts";
import { masterName } from "../postgres/master.ts";

export const secretOwners: readonly SecretOwner[] = [
  "master",
  "migrator",
  "app",
  "health",
  // For people: on AWS they log in with IAM and have no secret.
  "readonly",
  "operator",
];

export type StageSecretsOptions = {
  readonly dataDir: string;
  readonly stage: string;
  readonly host: string;
  readonly database: string;
  readonly now: Date;
};

export type StageSecrets = SecretStore & {
  /** For psql: `PGPASSFILE`. Always holds the passwords that are valid now. */
  readonly passwordFile: string;
};

/** Setup makes their first passwords, here as on AWS. */
const emptyAtFirst: readonly SecretOwner[] = rotatableRoles;

/**
 * Opens the stage's secrets, makes those that are missing, and keeps a password file beside them. The services' are made
 * without a value, as a deploy makes them.
 */
export async function openStageSecrets(options: StageSecretsOptions): Promise<StageSecrets> {
  const { dataDir, stage, now } = options;
  const store = await openSecretFile(join(dataDir, "secrets.json"));
  for (const owner of secretOwners) {
    const name = secretName(stage, owner);
    if ((await store.read(name)) !== undefined) continue;
    if (emptyAtFirst.includes(owner)) {
      await createEmptySecret(store, name);
      continue;
    }
    const username = owner === "master" ? masterName : roleNames[owner];
    const password = generatePassword();
    await storeSecret(store, name, JSON.stringify({ username, password }), now);
  }

  const passwordFile = join(dataDir, "pgpass");
  let last = Promise.resolve();
  const writePasswordFile = async (): Promise<void> => {
    const previous = last;
    const write = async () => {
      await previous.catch(() => {});
      const filled = (await store.list()).filter((secret) => secretValue(secret) !== undefined);
      const lines = filled.map((secret) => passwordLine(secret, options));
      await writeWhole(passwordFile, lines.join(""));
    };
    last = write();
    return last;
  };
  await writePasswordFile();
  return {
    ...store,
    passwordFile,
    update: async (name, change) => {
      const secret = await store.update(name, change);
      await writePasswordFile();
      return secret;
    },
  };
}

/** The password of a role as it is now; empty where there is none yet. */
export async function readPassword(store: SecretStore, stage: string, owner: SecretOwner): Promise<string> {
  const secret = await store.read(secretName(stage, owner));
  return secret === undefined ? "" : loginOf(secret).password;
}

function passwordLine(secret: Secret, { host, database }: StageSecretsOptions): string {
  const { username: user, password } = loginOf(secret);
  return `${formatPasswordLine({ host, port: "*", database, user, password })}\n`;
}

const loginSchema = v.pipe(v.string(), v.parseJson(), v.object({ username: v.string(), password: v.string() }));

function loginOf(secret: Secret): v.InferOutput<typeof loginSchema> {
  const result = v.safeParse(loginSchema, secretValue(secret));
  // Nothing of the value goes into a message.
  return result.success ? result.output : { username: "", password: "" };
}
