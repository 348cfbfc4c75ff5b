import { randomBytes, randomUUID } from "node:crypto";
import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import { PosternError } from "#lib/base/errors.ts";
import { readIfPresent, writeWhole } from "#lib/base/private-file.ts";
import { currentStage, putVersion, type Secret } from "./secret-versions.ts";

/** Where the local stage keeps its secrets. */
export interface SecretStore {
  read(name: string): Promise<Secret | undefined>;
  list(): Promise<readonly Secret[]>;
  /** Changes are made one after another; a change that throws changes nothing. Undefined: there is no such secret. */
  update(name: string, change: (secret: Secret | undefined) => Secret): Promise<Secret>;
}

const storeSchema = v.array(
  v.object({
    name: v.string(),
    arnSuffix: v.string(),
    versions: v.array(
      v.object({ id: v.string(), value: v.string(), createdAt: v.string(), stages: v.array(v.string()) }),
    ),
  }),
);

/**
 * Secrets in one JSON file that only this user may read. A change is written to a new file, which takes the place of
 * the old one: after a crash there is one or the other, never half.
 *
 * @throws PosternError `config.invalid` when the file is there and is not such a store
 */
export async function openSecretFile(path: string): Promise<SecretStore> {
  let secrets = await load(path);
  let last: Promise<unknown> = Promise.resolve();
  return {
    read: async (name) => secrets.get(name),
    list: async () => [...secrets.values()],
    update: (name, change) => {
      const next = last.then(async () => {
        const secret = change(secrets.get(name));
        const changed = new Map(secrets).set(name, secret);
        await writeWhole(path, `${JSON.stringify([...changed.values()], null, 2)}\n`);
        secrets = changed;
        return secret;
      });
      last = next.catch(() => {});
      return next;
    },
  };
}

/** Secrets that are gone with the process. */
export function createMemorySecretStore(): SecretStore {
  const secrets = new Map<string, Secret>();
  return {
    read: async (name) => secrets.get(name),
    list: async () => [...secrets.values()],
    update: async (name, change) => {
      const secret = change(secrets.get(name));
      secrets.set(name, secret);
      return secret;
    },
  };
}

/** Makes `value` the current version of a secret, which is created where it is missing. */
export async function storeSecret(store: SecretStore, name: string, value: string, now: Date): Promise<Secret> {
  return store.update(name, (secret) => {
    const version = { id: randomUUID(), value, createdAt: now.toISOString(), stages: [currentStage] };
    return putVersion(secret ?? { name, arnSuffix: randomArnSuffix(), versions: [] }, version);
  });
}

/** A secret without a value, as a deploy makes one. One that is there stays as it is. */
export async function createEmptySecret(store: SecretStore, name: string): Promise<Secret> {
  return store.update(name, (secret) => secret ?? { name, arnSuffix: randomArnSuffix(), versions: [] });
}

/** The value under a label, or undefined. */
export function secretValue(secret: Secret, stage: string = currentStage): string | undefined {
  return secret.versions.find(({ stages }) => stages.includes(stage))?.value;
}

function randomArnSuffix(): string {
  return randomBytes(16)
    .toString("base64")
    .replaceAll(/[^A-Za-z0-9]/gu, "")
    .slice(0, 6);
}

async function load(path: string): Promise<ReadonlyMap<string, Secret>> {
  const text = (await readIfPresent(path)) ?? "[]";
  const what = `The secrets in ${path}`;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // No cause: a parser's message quotes the text.
    throw new PosternError("config.invalid", `${what} are not JSON.`);
  }
  const secrets = parseInput(storeSchema, json, { what, code: "config.invalid" });
  return new Map(secrets.map((secret) => [secret.name, secret]));
}
