import { appName, tagKeys } from "#lib/contract.ts";
import { arn } from "../arn.ts";
import type { Account } from "../settings.ts";

/** Stages by name, or by the beginning of their names (`pr-*`), in one account. */
export type Scope = {
  readonly account: Account;
  readonly stages: readonly string[];
};

/** Buckets are in no region and no account. */
export function bucketArn(account: Pick<Account, "id" | "region" | "partition">, resource: string): string {
  return arn(account, "s3", resource, { region: "", account: "" });
}

/** A stage's own buckets, and what is in them: all but the end of their names is said (`infra/long-runs/bucket-name.ts`). */
export function bucketsOf(account: Pick<Account, "id" | "region" | "partition">, stage: string): string[] {
  return ["seeds", "code"].map((purpose) => bucketArn(account, `${appName}-${stage}-${purpose}-${account.id}-*`));
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
