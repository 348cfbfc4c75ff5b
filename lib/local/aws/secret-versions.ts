import { AwsError } from "./aws-error.ts";

/** A secret with its versions, as Secrets Manager keeps it. */
export type Secret = {
  readonly name: string;
  /** The six characters that AWS adds to the ARN. */
  readonly arnSuffix: string;
  readonly versions: readonly SecretVersion[];
};

export type SecretVersion = {
  readonly id: string;
  readonly value: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** For instance `AWSCURRENT`; each label is on at most one version. */
  readonly stages: readonly string[];
};

export const currentStage = "AWSCURRENT";
const previousStage = "AWSPREVIOUS";

/**
 * Adds a version and moves the labels to it. The same id with the same value again changes nothing, so that a retried
 * call is harmless.
 *
 * @throws AwsError `ResourceExistsException` when the id is taken by another value
 */
export function putVersion(secret: Secret, version: SecretVersion): Secret {
  const existing = secret.versions.find(({ id }) => id === version.id);
  if (existing !== undefined && existing.value !== version.value) {
    const message = `You can't use ClientRequestToken ${version.id} because that value is already in use for a version.`;
    throw new AwsError("ResourceExistsException", message);
  }
  if (existing !== undefined) return secret;
  const isFirst = secret.versions.length === 0;
  const stages = isFirst ? [...new Set([...version.stages, currentStage])] : version.stages;
  const added: Secret = { ...secret, versions: [...secret.versions, { ...version, stages: [] }] };
  return withoutDeprecated(stages.reduce<Secret>((state, stage) => attach(state, stage, version.id), added));
}

/**
 * Moves a label from one version to another, as UpdateSecretVersionStage does: a label that is attached must be named
 * with the version that it leaves. AWSCURRENT leaves AWSPREVIOUS behind.
 *
 * @throws AwsError `InvalidParameterException`, `ResourceNotFoundException`
 */
export function moveStage(
  secret: Secret,
  move: { readonly stage: string; readonly from: string | undefined; readonly to: string | undefined },
): Secret {
  const { stage, from, to } = move;
  const holder = secret.versions.find(({ stages }) => stages.includes(stage));
  if (to === undefined && from === undefined) {
    throw new AwsError("InvalidParameterException", "You must provide RemoveFromVersionId or MoveToVersionId.");
  }
  for (const id of [from, to]) {
    if (id !== undefined && !secret.versions.some((version) => version.id === id)) {
      throw new AwsError(
        "ResourceNotFoundException",
        `Secrets Manager can't find the specified secret version: ${id}.`,
      );
    }
  }
  if (holder !== undefined && holder.id !== to && holder.id !== from) {
    const message = `The parameter RemoveFromVersionId can't be empty or another version. Staging label ${stage} is currently attached to version ${holder.id}, so you must explicitly reference that version in RemoveFromVersionId.`;
    throw new AwsError("InvalidParameterException", message);
  }
  if (holder === undefined && from !== undefined) {
    throw new AwsError("InvalidParameterException", `Staging label ${stage} is not attached to version ${from}.`);
  }
  if (to === undefined) {
    if (stage === currentStage) {
      throw new AwsError(
        "InvalidParameterException",
        `You can only move staging label ${currentStage}, not remove it.`,
      );
    }
    return withoutDeprecated(detach(secret, stage));
  }
  return withoutDeprecated(attach(secret, stage, to));
}

function attach(secret: Secret, stage: string, versionId: string): Secret {
  const holder = secret.versions.find(({ stages }) => stages.includes(stage));
  if (holder?.id === versionId) return secret;
  const free = detach(secret, stage);
  const moved = mapVersion(free, versionId, (stages) => [...stages, stage]);
  return stage === currentStage && holder !== undefined ? attach(moved, previousStage, holder.id) : moved;
}

function detach(secret: Secret, stage: string): Secret {
  const versions = secret.versions.map((version) => ({
    ...version,
    stages: version.stages.filter((other) => other !== stage),
  }));
  return { ...secret, versions };
}

function mapVersion(secret: Secret, id: string, change: (stages: readonly string[]) => readonly string[]): Secret {
  const versions = secret.versions.map((version) =>
    version.id === id ? { ...version, stages: change(version.stages) } : version,
  );
  return { ...secret, versions };
}

/** A version without a label is deprecated; AWS deletes it in its own time, here at once. */
function withoutDeprecated(secret: Secret): Secret {
  return { ...secret, versions: secret.versions.filter(({ stages }) => stages.length > 0) };
}
