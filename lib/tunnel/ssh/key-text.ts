/**
 * Finds the private key in a text, and gives it back as a PEM with its newlines in place. Pure; nothing here quotes
 * what it reads, which may be a secret even where it is no key.
 *
 * A key in an environment variable has often lost its newlines: to spaces (an unquoted `$(cat key)`), to `\n` in two
 * characters (.env files, JSON), to nothing, or the whole PEM went through base64 for that reason.
 */
export type KeyText =
  | { readonly kind: "pem"; readonly label: KeyLabel; readonly pem: string; readonly isEncrypted: boolean }
  /** `seen` completes "… is …"; `advice` says what to do about it. */
  | { readonly kind: "other"; readonly seen: string; readonly advice?: string };

export type KeyLabel = (typeof labels)[number];

/** What stands before "PRIVATE KEY": OpenSSH's own, PKCS#1, SEC1, PKCS#8 (with nothing, or ENCRYPTED). */
const labels = ["OPENSSH", "RSA", "EC", "ENCRYPTED", ""] as const;

/** The spaces inside the lines, too, may be lost. */
const block = /-----BEGIN\s*([A-Z0-9]*?)\s*PRIVATE\s*KEY-----(.*?)-----END\s*\1\s*PRIVATE\s*KEY-----/su;

const lineLength = 64;

export function findPrivateKey(given: string): KeyText {
  const text = unpack(withNewlines(given));
  const [, label = "", body = ""] = block.exec(text) ?? [];
  if (!block.test(text)) return { kind: "other", ...describeOther(text) };
  const known = labels.find((one) => one === label);
  if (known === undefined) return { kind: "other", ...describeLabel(label) };
  const { headers, rest } = splitHeaders(body);
  const base64 = rest.replaceAll(/\s+/gu, "");
  if (base64 === "" || !/^[A-Za-z0-9+/]+={0,2}$/u.test(base64)) {
    return { kind: "other", seen: "a private key with characters in it that no key has", advice: copyAgain };
  }
  const name = known === "" ? "PRIVATE KEY" : `${known} PRIVATE KEY`;
  const lines = base64.match(new RegExp(`.{1,${lineLength}}`, "gu")) ?? [];
  const pem = [`-----BEGIN ${name}-----`, ...headers, ...lines, `-----END ${name}-----`, ""].join("\n");
  return { kind: "pem", label: known, pem, isEncrypted: headers.length > 0 || known === "ENCRYPTED" };
}

/** Base64 has no backslash, so one before an n or r is a newline that was written out; twice, where two tools did. */
function withNewlines(text: string): string {
  return text.replace(/^\u{FEFF}/u, "").replaceAll(/(?:\\+r)?\\+n|\\+r/gu, "\n");
}

/** A PEM that went through base64 as a whole begins with this: "-----BEGIN" in base64. */
function unpack(text: string): string {
  const packed = text.replaceAll(/\s+/gu, "");
  return packed.startsWith("LS0tLS1CRUdJTi") ? Buffer.from(packed, "base64").toString("utf8") : text;
}

/**
 * The two headers of an encrypted PKCS#1 or SEC1 key, which need lines of their own and an empty one behind them.
 * Where nothing is left between the initialisation vector and the base64, its length is known from the cipher.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1421#section-4.6.1.1
 */
function splitHeaders(body: string): { readonly headers: readonly string[]; readonly rest: string } {
  const found = /^\s*Proc-Type:\s*4,\s*ENCRYPTED\s*DEK-Info:\s*([A-Za-z0-9-]+),\s*/u.exec(body);
  const cipher = found?.[1];
  if (found === null || cipher === undefined) return { headers: [], rest: body };
  const behind = body.slice(found[0].length);
  const digits = /^DES/iu.test(cipher) ? 16 : 32;
  const vector = behind.slice(0, digits);
  return { headers: ["Proc-Type: 4,ENCRYPTED", `DEK-Info: ${cipher},${vector}`, ""], rest: behind.slice(digits) };
}

type Other = { readonly seen: string; readonly advice?: string };

const copyAgain = "Copy the whole file again, from its BEGIN line to its END line.";
const withoutPub = "Name the private key: the file of the same name without .pub.";

function describeLabel(label: string): Other {
  if (label === "DSA") return { seen: "a DSA key, which servers take no longer", advice: makeAnother };
  return { seen: "a private key of a kind that is not known here", advice: makeAnother };
}

const makeAnother = "Make one that servers take: ssh-keygen -t ed25519";

/** In this order: the first that fits. */
const others: readonly (readonly [RegExp, Other])[] = [
  [/^\s*$/u, { seen: "empty" }],
  [
    /^\s*PuTTY-User-Key-File-/u,
    {
      seen: "a PuTTY key (.ppk)",
      advice:
        "Convert it: puttygen KEY.ppk -O private-openssh -o KEY (on Windows: PuTTYgen, Conversions, Export OpenSSH key).",
    },
  ],
  [/^\s*[a-z0-9@.-]+-cert-v\d+@openssh\.com\s/u, { seen: "an OpenSSH certificate", advice: withoutPub }],
  [/^\s*(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+\s+AAAA/u, { seen: "a public key", advice: withoutPub }],
  [/---- ?BEGIN (?:SSH2 |RSA )?PUBLIC KEY/u, { seen: "a public key", advice: withoutPub }],
  [
    /---- BEGIN SSH2 ENCRYPTED PRIVATE KEY/u,
    { seen: "a private key in ssh.com's format", advice: "Convert it: ssh-keygen -i -f KEY > NEW" },
  ],
  [/BEGIN\s*CERTIFICATE/u, { seen: "an X.509 certificate" }],
  [/BEGIN\s*PGP/u, { seen: "a PGP key" }],
  [/^SSH PRIVATE KEY FILE FORMAT 1/u, { seen: "a key of SSH version 1", advice: makeAnother }],
  [/BEGIN[A-Z0-9\s]*PRIVATE\s*KEY-----/u, { seen: "a private key that is cut off", advice: copyAgain }],
  [/END[A-Z0-9\s]*PRIVATE\s*KEY-----/u, { seen: "a private key that is cut off", advice: copyAgain }],
  [/^\s*[{[]/u, { seen: "a JSON document", advice: "Take the key out of it first." }],
  [/^\s*(?:~?\/|[A-Za-z]:\\)[^\n]*$/u, { seen: "the name of a file, not a key", advice: "Give it as the key's file." }],
  [/[\0\u{FFFD}]/u, { seen: "binary data, not text", advice: "Keys are text: OpenSSH, PEM or PKCS#8." }],
];

function describeOther(text: string): Other {
  return others.find(([pattern]) => pattern.test(text))?.[1] ?? { seen: "no private key" };
}
