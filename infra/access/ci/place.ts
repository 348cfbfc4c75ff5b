import { appName, tagKeys } from "#lib/contract.ts";
import type { Account } from "../settings.ts";

/** Stages by name, or by the beginning of their names (`pr-*`), in one account. */
export type Scope = {
  readonly account: Pick<Account, "id" | "region" | "partition">;
  readonly stages: readonly string[];
};

/** ARNs of a service in the account's region. IAM and S3, which have none, get theirs from `globalArn` and `bucketArn`. */
export function arn({ id, region, partition }: Scope["account"], service: string, resource: string): string {
  return `arn:${partition}:${service}:${region}:${id}:${resource}`;
}

export function iamArn({ id, partition }: Pick<Account, "id" | "partition">, resource: string): string {
  return `arn:${partition}:iam::${id}:${resource}`;
}

export function bucketArn({ partition }: Pick<Account, "partition">, resource: string): string {
  return `arn:${partition}:s3:::${resource}`;
}

/** For each stage of the scope. */
export function ofStages({ account, stages }: Scope, service: string, name: (stage: string) => string): string[] {
  return stages.map((stage) => arn(account, service, name(stage)));
}

const stageTag = (prefix: string, stages: readonly string[]) => ({
  StringEquals: { [`${prefix}/${tagKeys.app}`]: appName },
  StringLike: { [`${prefix}/${tagKeys.stage}`]: stages },
});

/** What is there already and says that it belongs to one of the stages. */
export function hasStageTag({ stages }: Scope) {
  return stageTag("aws:ResourceTag", stages);
}

/** What is made, and is given the tags of one of the stages with it. */
export function getsStageTag({ stages }: Scope) {
  return stageTag("aws:RequestTag", stages);
}

/** Tags may be put on what is the stages' already, but none that would give it to another. */
export function keepsStageTag({ stages }: Scope) {
  return { StringLikeIfExists: { [`aws:RequestTag/${tagKeys.stage}`]: stages } };
}
