import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import { PosternError } from "#lib/base/errors.ts";
import { functionEnv, type SecretOwner, secretVariables } from "#lib/contract.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { AddressProvider } from "#lib/postgres/pool.ts";
import { parseCertificates, readCaFile } from "#lib/postgres/tls.ts";
import type { SecretReader } from "./secrets.ts";

/** What a function knows of its stage. */
export type FunctionEnvironment = {
  readonly app: string;
  readonly stage: string;
  /** Unless infra says otherwise: what was forgotten must not cost data. */
  readonly isProtected: boolean;
  readonly database: { readonly host: string; readonly port: number; readonly name: string };
  /** Absent where the stage has none, or the function nothing to do with it. */
  readonly proxy?: { readonly host: string; readonly port: number };
  /** PEM certificates; undefined: Node's roots. */
  readonly ca: readonly string[] | undefined;
  /** Ids of the secrets that this function may read. */
  readonly secrets: Readonly<Partial<Record<SecretOwner, string>>>;
};

const text = v.pipe(v.string(), v.nonEmpty());
const portSchema = v.pipe(v.string(), v.toNumber(), v.integer(), v.minValue(1), v.maxValue(65_535));
const environmentSchema = v.object({
  [functionEnv.app]: text,
  [functionEnv.stage]: text,
  [functionEnv.protected]: v.optional(v.picklist(["true", "false"]), "true"),
  [functionEnv.databaseHost]: text,
  [functionEnv.databasePort]: portSchema,
  [functionEnv.databaseName]: text,
  [functionEnv.proxyHost]: v.optional(text),
  [functionEnv.proxyPort]: v.optional(portSchema, "5432"),
  [functionEnv.caFile]: v.optional(text),
  [functionEnv.masterSecret]: v.optional(text),
  [functionEnv.migratorSecret]: v.optional(text),
  [functionEnv.appSecret]: v.optional(text),
  [functionEnv.healthSecret]: v.optional(text),
  [functionEnv.readonlySecret]: v.optional(text),
  [functionEnv.operatorSecret]: v.optional(text),
});

/**
 * Reads the environment that infra gives a function, once.
 *
 * @param bundleDir where the bundle lies, for its `ca.pem`
 * @throws PosternError `config.invalid` with every problem
 */
export async function readFunctionEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  bundleDir: string,
): Promise<FunctionEnvironment> {
  const parsed = parseInput(environmentSchema, env, {
    what: "The environment of the function",
    code: "config.invalid",
    hint: "Deploy the stage again.",
  });
  const proxyHost = parsed[functionEnv.proxyHost];
  const owners = Object.keys(secretVariables) as readonly SecretOwner[];
  return {
    app: parsed[functionEnv.app],
    stage: parsed[functionEnv.stage],
    isProtected: parsed[functionEnv.protected] !== "false",
    database: {
      host: parsed[functionEnv.databaseHost],
      port: parsed[functionEnv.databasePort],
      name: parsed[functionEnv.databaseName],
    },
    ...(proxyHost === undefined ? {} : { proxy: { host: proxyHost, port: parsed[functionEnv.proxyPort] } }),
    ca: await readCertificates(parsed[functionEnv.caFile], join(bundleDir, "ca.pem")),
    secrets: Object.fromEntries(owners.map((owner) => [owner, parsed[secretVariables[owner]]])),
  };
}

/** Where the database is for one role: the stage's address with what the role's secret holds at the moment. */
export function provideAddress(
  environment: FunctionEnvironment,
  owner: SecretOwner,
  reader: SecretReader,
): AddressProvider {
  return async ({ refresh }): Promise<DatabaseAddress> => {
    const secretId = environment.secrets[owner];
    if (secretId === undefined) {
      throw new PosternError("config.invalid", `This function was given no secret for the role ${owner}.`);
    }
    const { username, password } = await (refresh ? reader.refresh(secretId) : reader.read(secretId));
    const { host, port, name } = environment.database;
    const ca = environment.ca === undefined ? {} : { ca: environment.ca };
    return { host, port, database: name, user: username, password, sslMode: "verify-full", ...ca };
  };
}

async function readCertificates(named: string | undefined, bundled: string): Promise<readonly string[] | undefined> {
  if (named !== undefined) return await readCaFile(named);
  const pem = await readFile(bundled, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new PosternError("config.invalid", `The ca.pem of the bundle cannot be read (${error.code}).`, {
      cause: error,
    });
  });
  return pem === undefined ? undefined : parseCertificates(pem, "The ca.pem of the bundle");
}
