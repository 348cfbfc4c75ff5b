/** How Pulumi marks a secret on the wire; the value is beside the mark. */
const signature = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

export function secret(value: unknown): Record<string, unknown> {
  return { [signature]: secretSignature, value };
}

/** Takes the wrapping off secrets at any depth, and notes where they were. */
export function unwrapSecrets(value: unknown, path: string, found: string[]): unknown {
  if (Array.isArray(value)) return value.map((item, index) => unwrapSecrets(item, `${path}[${index}]`, found));
  if (typeof value !== "object" || value === null) return value;
  const record = value as Record<string, unknown>;
  if (record[signature] === secretSignature) {
    found.push(path);
    return unwrapSecrets(record["value"], path, found);
  }
  const entries = Object.entries(record).map(([key, item]) => [
    key,
    unwrapSecrets(item, path === "" ? key : `${path}.${key}`, found),
  ]);
  return Object.fromEntries(entries);
}
