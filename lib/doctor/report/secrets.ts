const hidden = "(hidden)";

/** A text that short stands in too many words; nobody could tell what was hidden. */
const shortest = 4;

/**
 * What looks like a secret, whoever wrote it. A server's message may hold anything, and so may an error of AWS's.
 */
const shapes: readonly (readonly [RegExp, string])[] = [
  // postgres://user:password@host
  [/(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@]*:)[^\s/]*(?=@)/giu, `$1${hidden}`],
  // password=…, PGPASSWORD='…', "password": "…", X-Amz-Signature=…; in prose a colon says nothing
  [
    /\b((?:pg)?passw(?:or)?d|passphrase|secret(?:[_-]?access[_-]?key)?|token|x-amz-(?:signature|security-token|credential))(\s*=\s*|["']\s*:\s*)("[^"]*"|'[^']*'|[^\s&;,"']+)/giu,
    `$1$2${hidden}`,
  ],
  // PostgreSQL's stored passwords
  [/SCRAM-SHA-256\$\d+:[^\s"']+/gu, hidden],
  [/\bmd5[0-9a-f]{32}\b/giu, hidden],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/gu, hidden],
];

/**
 * The text without the secrets of this run, in the forms that URLs, connection strings, SQL and JSON have, and without what looks
 * like one.
 */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  const forms = secrets
    .filter(({ length }) => length >= shortest)
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      secret.replaceAll(/['\\]/gu, "\\$&"),
      secret.replaceAll("'", "''"),
      JSON.stringify(secret).slice(1, -1),
    ])
    .toSorted((one, other) => other.length - one.length);
  const known = cut(forms.reduce((hiding, form) => hiding.replaceAll(form, hidden), text));
  return shapes.reduce((hiding, [shape, instead]) => hiding.replaceAll(shape, instead), known);
}

/** Nobody reads more of a message; and the patterns take time with its square. */
const longest = 2000;

function cut(text: string): string {
  return text.length > longest ? `${text.slice(0, longest - 1).toWellFormed()}…` : text;
}
