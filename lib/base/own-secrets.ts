type Environment = Readonly<Record<string, string | undefined>>;

/** The variables in which this program itself, and no other, is handed something secret. */
const ownSecrets: ReadonlySet<string> = new Set(["POSTERN_SSH_KEY_TEXT", "POSTERN_SSH_PASSPHRASE"]);

/** The environment for a program that we start: what was for us alone stays with us. */
export function withoutOwnSecrets(env: Environment): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ownSecrets.has(name)));
}
