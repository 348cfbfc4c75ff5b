import { PosternError } from "#lib/base/errors.ts";

/** `s3://bucket/folder`, which holds the sets. */
export type BucketPlace = { readonly bucket: string; readonly prefix: string };

/** Source: "Bucket naming rules" in the S3 user guide. */
const pattern = /^s3:\/\/(?<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(?<prefix>.*?))?\/*$/u;
const maxLength = 1024;

/** @throws PosternError `usage.invalid` */
export function parseBucketPlace(from: string): BucketPlace {
  const { bucket, prefix = "" } = (from.length <= maxLength ? pattern.exec(from) : null)?.groups ?? {};
  if (bucket === undefined) {
    const message = `${JSON.stringify(from.slice(0, 100))} is no place that seeds come from: expected s3://BUCKET/FOLDER.`;
    throw new PosternError("usage.invalid", message);
  }
  return { bucket, prefix: prefix === "" ? "" : `${prefix}/` };
}
