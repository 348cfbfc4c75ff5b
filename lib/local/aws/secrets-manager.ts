import { randomUUID } from "node:crypto";
import * as v from "valibot";
import type { Clock } from "#lib/base/clock.ts";
import { AwsError } from "./aws-error.ts";
import { jsonService, parseMembers } from "./json-protocol.ts";
import type { AwsService } from "./protocol.ts";
import { type AwsResources, isDeleted } from "./resources.ts";
import type { SecretStore } from "./secret-store.ts";
import { currentStage, moveStage, putVersion, type Secret, type SecretVersion } from "./secret-versions.ts";

const getSecretValue = v.object({
  SecretId: v.string(),
  VersionId: v.optional(v.string()),
  VersionStage: v.optional(v.string()),
});
const describeSecret = v.object({ SecretId: v.string() });
const putSecretValue = v.object({
  SecretId: v.string(),
  ClientRequestToken: v.optional(v.pipe(v.string(), v.minLength(32), v.maxLength(64))),
  SecretString: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(65_536))),
  VersionStages: v.optional(v.pipe(v.array(v.pipe(v.string(), v.minLength(1))), v.minLength(1), v.maxLength(20))),
});
const updateSecretVersionStage = v.object({
  SecretId: v.string(),
  VersionStage: v.string(),
  MoveToVersionId: v.optional(v.string()),
  RemoveFromVersionId: v.optional(v.string()),
});

/** Secrets Manager with string secrets; the local stage creates them, so there is no CreateSecret. A secret may be without a value. */
export function secretsManagerService(options: {
  readonly secrets: SecretStore;
  readonly resources: () => AwsResources;
  readonly region: string;
  readonly accountId: string;
  readonly clock: Clock;
}): AwsService {
  const { secrets, resources, region, accountId, clock } = options;
  const arnPrefix = `arn:aws:secretsmanager:${region}:${accountId}:secret:`;
  const arnOf = (secret: Secret) => `${arnPrefix}${secret.name}-${secret.arnSuffix}`;

  /** A secret's id is its name, its ARN, or its ARN without the six characters at the end. */
  const find = async (id: string): Promise<Secret> => {
    const all = await secrets.list();
    const secret = all.find((one) => one.name === id || arnOf(one) === id || `${arnPrefix}${one.name}` === id);
    if (secret !== undefined && !isDeleted(resources(), "secret", secret.name)) return secret;
    throw new AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
  };
  const update = async (id: string, change: (secret: Secret) => Secret): Promise<Secret> => {
    const { name } = await find(id);
    return secrets.update(name, (secret) => {
      if (secret !== undefined) return change(secret);
      throw new AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
    });
  };

  return jsonService({
    signingName: "secretsmanager",
    target: "secretsmanager",
    operations: {
      GetSecretValue: async (input) => {
        const { SecretId, VersionId, VersionStage } = parseMembers(getSecretValue, input);
        const secret = await find(SecretId);
        const version = findVersion(secret, VersionId, VersionStage);
        return {
          ARN: arnOf(secret),
          Name: secret.name,
          VersionId: version.id,
          SecretString: version.value,
          VersionStages: version.stages,
          CreatedDate: Date.parse(version.createdAt) / 1000,
        };
      },
      DescribeSecret: async (input) => {
        const secret = await find(parseMembers(describeSecret, input).SecretId);
        return {
          ARN: arnOf(secret),
          Name: secret.name,
          VersionIdsToStages: Object.fromEntries(secret.versions.map(({ id, stages }) => [id, stages])),
        };
      },
      PutSecretValue: async (input) => {
        const { SecretId, ClientRequestToken, SecretString, VersionStages } = parseMembers(putSecretValue, input);
        if (SecretString === undefined) {
          throw new AwsError(
            "InvalidParameterException",
            "You must provide SecretString (SecretBinary is not offered).",
          );
        }
        const id = ClientRequestToken ?? randomUUID();
        const version: SecretVersion = {
          id,
          value: SecretString,
          createdAt: clock.wallTime().toISOString(),
          stages: VersionStages ?? [currentStage],
        };
        const secret = await update(SecretId, (before) => putVersion(before, version));
        const stages = secret.versions.find((one) => one.id === id)?.stages ?? [];
        return { ARN: arnOf(secret), Name: secret.name, VersionId: id, VersionStages: stages };
      },
      UpdateSecretVersionStage: async (input) => {
        const members = parseMembers(updateSecretVersionStage, input);
        const { SecretId, VersionStage, MoveToVersionId, RemoveFromVersionId } = members;
        const move = { stage: VersionStage, from: RemoveFromVersionId, to: MoveToVersionId };
        const secret = await update(SecretId, (before) => moveStage(before, move));
        return { ARN: arnOf(secret), Name: secret.name };
      },
    },
  });
}

function findVersion(secret: Secret, id: string | undefined, stage: string | undefined): SecretVersion {
  const wanted = stage ?? (id === undefined ? currentStage : undefined);
  const version = secret.versions.find(
    (one) => (id === undefined || one.id === id) && (wanted === undefined || one.stages.includes(wanted)),
  );
  if (version !== undefined) return version;
  const which = wanted === undefined ? `VersionId: ${id}` : `staging label: ${wanted}`;
  const message = `Secrets Manager can't find the specified secret value for ${which}`;
  throw new AwsError("ResourceNotFoundException", message);
}
