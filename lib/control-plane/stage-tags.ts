import { appName, tagKeys } from "#lib/contract.ts";

/** EC2's filters for what a stage made. */
export function stageFilters(stage: string): { Name: string; Values: string[] }[] {
  return [
    { Name: `tag:${tagKeys.app}`, Values: [appName] },
    { Name: `tag:${tagKeys.stage}`, Values: [stage] },
  ];
}

/** Keys to values. */
export type Tags = Readonly<Record<string, string>>;

export function toTags(tags: readonly { Key?: string | undefined; Value?: string | undefined }[] = []): Tags {
  return Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [Key, Value]));
}
