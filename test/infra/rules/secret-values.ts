import type { Evaluation } from "../../support/sst/recorded.ts";

/** What looks like a secret, wherever it is: a login in an address, a private key, a key of AWS's. */
const secretTexts = [
  /\b[a-z][a-z\d+.-]*:\/\/[^\s/:@]*:[^\s/@]+@/i,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\b(?:AKIA|ASIA)[A-Z\d]{16}\b/,
];
/** Names of what holds one. A secret's ARN and a secret's name are none. */
const secretName = /pass(?:word|phrase|wd)|privatekey|secretkey|secretstring|credential|token$/i;
const secretReference = /^arn:[a-z-]+:secretsmanager:/;
/** Shorter ones would be found by chance. */
const leastLength = 8;

/**
 * Where in a value there is a secret: by its mark, by what it is called, by what it looks like, or because it is one of
 * those that are known.
 */
export function findSecrets(value: unknown, known: ReadonlySet<string>, path = ""): string[] {
  if (typeof value === "string") return isSecretText(value, known) ? [path] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const inside = path === "" ? key : `${path}.${key}`;
    const isNamed = secretName.test(key.replaceAll(/[-_]/g, "")) && typeof item === "string" && item !== "";
    return isNamed && !secretReference.test(item) ? [inside] : findSecrets(item, known, inside);
  });
}

/** Values that Pulumi encrypts in the state, of every resource. */
export function knownSecrets({ resources }: Evaluation): ReadonlySet<string> {
  const values = resources.flatMap(({ inputs, secretInputs }) =>
    secretInputs.flatMap((path) => texts(at(inputs, path))),
  );
  return new Set(values.filter((text) => text.length >= leastLength));
}

function isSecretText(text: string, known: ReadonlySet<string>): boolean {
  if (secretTexts.some((pattern) => pattern.test(text))) return true;
  return [...known].some((secret) => text.includes(secret));
}

/** `a.b[0].c`, as the evaluation writes paths. */
function at(value: unknown, path: string): unknown {
  return path
    .split(/[.[\]]/)
    .filter((key) => key !== "")
    .reduce<unknown>((inner, key) => (inner as Readonly<Record<string, unknown>> | undefined)?.[key], value);
}

function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(texts) : [];
}
