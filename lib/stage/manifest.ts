import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import { PosternError } from "#lib/base/errors.ts";
import { type Manifest, manifestParameterName } from "#lib/contract.ts";
import { type AwsAccess, clientConfig, sendOptions } from "./aws-access.ts";
import { toAwsError } from "./aws-errors.ts";
import { parseStageName } from "./stage-name.ts";

const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const text = v.pipe(v.string(), v.nonEmpty());

/**
 * Unknown keys pass: an older command line reads the manifest of a newer stage as long as `version` is 1.
 * That it says the same as `Manifest`, which may import nothing, is asserted by the type test of this file.
 */
export const manifestSchema = v.object({
  version: v.literal(1),
  app: text,
  stage: text,
  region: text,
  protected: v.boolean(),
  database: v.object({ host: text, port, name: text, instanceId: text }),
  proxy: v.exactOptional(v.object({ host: text, port, name: text })),
  functions: v.object({ runner: text, inspect: text, health: text }),
  healthUrl: v.pipe(v.string(), v.url()),
  secrets: v.object({
    master: v.exactOptional(text),
    migrator: v.exactOptional(text),
    app: v.exactOptional(text),
    health: v.exactOptional(text),
    readonly: v.exactOptional(text),
    operator: v.exactOptional(text),
  }),
  bundle: v.object({
    version: text,
    gitCommit: v.exactOptional(text),
    migrationsHash: text,
    schemaHash: v.exactOptional(text),
    seedsHash: v.exactOptional(text),
  }),
  bastions: v.pipe(v.array(text), v.readonly()),
  tunnel: v.exactOptional(v.object({ documentName: text })),
  longRuns: v.exactOptional(
    v.object({
      cluster: text,
      taskDefinition: text,
      container: text,
      subnets: v.pipe(v.array(text), v.minLength(1), v.readonly()),
      securityGroup: text,
    }),
  ),
  network: v.exactOptional(
    v.object({
      vpcId: text,
      privateSubnets: v.pipe(v.array(text), v.readonly()),
      nat: v.pipe(v.array(v.object({ instance: text, allocation: text, address: text })), v.readonly()),
    }),
  ),
});

export type FetchManifestOptions = {
  readonly stage: string;
  readonly access: AwsAccess;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Reads what a deployed stage says about itself, from SSM Parameter Store.
 *
 * @throws PosternError `usage.invalid` for a name that no stage can have; `stage.unknown`; `config.invalid` for a
 *   manifest that this version cannot read; `aws.*`
 */
export async function fetchManifest({ stage, access, signal }: FetchManifestOptions): Promise<Manifest> {
  const name = manifestParameterName(parseStageName(stage));
  const client = new SSMClient(clientConfig(access));
  try {
    const { Parameter } = await client.send(new GetParameterCommand({ Name: name }), sendOptions(signal));
    return parseManifest(Parameter?.Value ?? "", name);
  } catch (error) {
    if (error instanceof Error && error.name === "ParameterNotFound") {
      const place = await describePlace(client);
      throw new PosternError("stage.unknown", `There is no stage ${stage} in ${place}: it has no parameter ${name}.`, {
        cause: error,
      });
    }
    throw toAwsError(error, { name: "ssm:GetParameter", access, signal });
  } finally {
    client.destroy();
  }
}

/** @throws PosternError `config.invalid` */
export function parseManifest(json: string, source: string): Manifest {
  const about = { what: `The manifest ${source}`, code: "config.invalid", hint: "Deploy the stage again." } as const;
  const jsonSchema = v.pipe(v.string(), v.parseJson(undefined, "expected JSON"), manifestSchema);
  return parseInput(jsonSchema, json, about);
}

/** Region, and account where the credentials name it: a call for the account alone would not be worth it. */
async function describePlace(client: SSMClient): Promise<string> {
  const region = await client.config.region();
  const { accountId } = await client.config.credentials();
  return accountId === undefined ? region : `${region} of account ${accountId}`;
}
