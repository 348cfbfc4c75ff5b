import { randomBytes } from "node:crypto";
import { join } from "node:path";
import * as v from "valibot";
import { type RoleKey, roleNames, secretName } from "#lib/contract.ts";
import { openSecretFile, secretValue, type SecretStore, storeSecret } from "../aws/secret-store.ts";
import { type Secret } from "../aws/secret-versions.ts";
import { writeWhole } from "../files/private-file.ts";
import { masterName } from "../postgres/master.ts";

export type SecretOwner = RoleKey | "master";

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

/** Opens the stage's secrets, generates those that are missing, and keeps a password file beside them. */
export async function openStageSecrets(options: StageSecretsOptions): Promise<StageSecrets> {
  const { dataDir, stage, now } = options;
  const store = await openSecretFile(join(dataDir, "secrets.json"));
  for (const owner of secretOwners) {
    const name = secretName(stage, owner);
    if ((await store.read(name)) !== undefined) continue;
    const username = owner === "master" ? masterName : roleNames[owner];
    const password = randomBytes(24).toString("base64url");
    await storeSecret(store, name, JSON.stringify({ username, password }), now);
  }

  const passwordFile = join(dataDir, "pgpass");
  let last = Promise.resolve();
  const writePasswordFile = async (): Promise<void> => {
    const previous = last;
    const write = async () => {
      await previous.catch(() => {});
      const lines = (await store.list()).map((secret) => passwordLine(secret, options));
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

/** The password of a role as it is now. */
export async function readPassword(store: SecretStore, stage: string, owner: SecretOwner): Promise<string> {
  const secret = await store.read(secretName(stage, owner));
  return secret === undefined ? "" : loginOf(secret).password;
}

/** `host:port:database:user:password`; a colon or backslash in a field is escaped. */
function passwordLine(secret: Secret, { host, database }: StageSecretsOptions): string {
  const { username, password } = loginOf(secret);
  const fields = [username, password].map((field) => field.replaceAll(/[\\:]/gu, String.raw`\$&`));
  return `${host}:*:${database}:${fields.join(":")}\n`;
}

const loginSchema = v.pipe(v.string(), v.parseJson(), v.object({ username: v.string(), password: v.string() }));

function loginOf(secret: Secret): v.InferOutput<typeof loginSchema> {
  const result = v.safeParse(loginSchema, secretValue(secret));
  // Nothing of the value goes into a message.
  return result.success ? result.output : { username: "", password: "" };
}
