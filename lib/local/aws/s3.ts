import { AwsError } from "./aws-error.ts";
import type { ObjectStore, OpenObject, StoredObject } from "./objects.ts";
import type { AwsService, Refusal } from "./protocol.ts";
import { type AwsRequest, type AwsResponse, singleHeader } from "./request.ts";
import { plainXmlDocument, xmlDocument } from "./xml.ts";

/** `/bucket`, `/bucket/` or `/bucket/key`: no other service here has such a path. */
const pathStyle = /^\/(?<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(?<key>.*))?$/u;
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
const notFound = { statusCode: 404 } as const;

/**
 * As much of S3 as seeds need, path-style only: ListObjectsV2 (one page), GetObject with Range and If-Match, PutObject.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/Type_API_Reference.html
 */
export function s3Service({ objects }: { readonly objects: ObjectStore }): AwsService {
  return {
    signingName: "s3",
    // Lambda's paths begin with a date, and what is a form or has a target is some other service's.
    isCalledBy: ({ method, path }) => (method === "GET" || method === "PUT") && pathStyle.test(path) && !isLambda(path),
    handle: async (request, requestId) => {
      const { bucket = "", key = "" } = pathStyle.exec(request.path)?.groups ?? {};
      const response = await operate(objects, request, bucket, decodeURIComponent(key));
      return { ...response, headers: { ...response.headers, "x-amz-request-id": requestId } };
    },
    fail: (error, requestId) => ({
      statusCode: error.statusCode,
      headers: { "content-type": "application/xml", "x-amz-request-id": requestId },
      body: plainXmlDocument("Error", { Code: error.code, Message: error.message, RequestId: requestId }),
    }),
    actionOf: () => undefined,
    refuse,
  };
}

function isLambda(path: string): boolean {
  return /^\/\d{4}-\d\d-\d\d\//u.test(path);
}

async function operate(objects: ObjectStore, request: AwsRequest, bucket: string, key: string): Promise<AwsResponse> {
  if (request.method === "PUT" && key !== "") return await putObject(objects, request, bucket, key);
  if (key !== "") return await getObject(objects, request, bucket, key);
  if (request.query.get("list-type") === "2") return await listObjects(objects, request, bucket);
  throw new AwsError("NotImplemented", "This operation is not offered here.", { statusCode: 501 });
}

async function listObjects(objects: ObjectStore, { query }: AwsRequest, bucket: string): Promise<AwsResponse> {
  const prefix = query.get("prefix") ?? "";
  const found = await objects.list(bucket, prefix);
  if (found === undefined) throw noBucket();
  const contents = found.map(({ key, bytes, etag, modified }) => ({
    Key: key,
    LastModified: modified,
    ETag: etag,
    Size: bytes,
    StorageClass: "STANDARD",
  }));
  const listing = { Name: bucket, Prefix: prefix, KeyCount: found.length, MaxKeys: 1000, IsTruncated: false };
  return {
    statusCode: 200,
    headers: { "content-type": "application/xml" },
    body: xmlDocument("ListBucketResult", namespace, { ...listing, Contents: contents }),
  };
}

/** What is checked and what is sent is one open file. */
async function getObject(objects: ObjectStore, request: AwsRequest, bucket: string, key: string): Promise<AwsResponse> {
  const object = await objects.open(bucket, key);
  if (object === undefined) throw await notThere(objects, bucket);
  try {
    return await sendObject(object, request);
  } catch (error) {
    await object.close();
    throw error;
  }
}

async function sendObject(object: OpenObject, request: AwsRequest): Promise<AwsResponse> {
  const wanted = singleHeader(request, "if-match");
  if (wanted !== undefined && wanted !== object.etag) {
    const message = "At least one of the pre-conditions you specified did not hold";
    throw new AwsError("PreconditionFailed", message, { statusCode: 412 });
  }
  const range = parseRange(singleHeader(request, "range"), object);
  const { start, end } = range ?? { start: 0, end: object.bytes - 1 };
  const about = { "content-type": "binary/octet-stream", etag: object.etag, "accept-ranges": "bytes" };
  const part = range === undefined ? {} : { "content-range": `bytes ${start}-${end}/${object.bytes}` };
  if (object.bytes === 0) await object.close();
  return {
    statusCode: range === undefined ? 200 : 206,
    headers: { ...about, ...part, "content-length": String(end - start + 1) },
    body: object.bytes === 0 ? "" : object.read({ start, end }),
  };
}

/** `bytes=5-` and `bytes=5-9`; the rest of RFC 9110 is ignored, as that allows. */
function parseRange(header: string | undefined, { bytes }: StoredObject) {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/u.exec(header ?? "") ?? [];
  if (from === undefined) return undefined;
  const start = Number(from);
  if (start >= bytes) {
    throw new AwsError("InvalidRange", "The requested range is not satisfiable", { statusCode: 416 });
  }
  return { start, end: Math.min(to === undefined || to === "" ? bytes - 1 : Number(to), bytes - 1) };
}

async function putObject(objects: ObjectStore, request: AwsRequest, bucket: string, key: string): Promise<AwsResponse> {
  const written = await objects.write(bucket, key, request.body);
  if (written === undefined) throw await notThere(objects, bucket);
  return { statusCode: 200, headers: { etag: written.etag }, body: "" };
}

async function notThere(objects: ObjectStore, bucket: string): Promise<AwsError> {
  const isBucket = (await objects.list(bucket, "")) !== undefined;
  return isBucket ? new AwsError("NoSuchKey", "The specified key does not exist.", notFound) : noBucket();
}

function noBucket(): AwsError {
  return new AwsError("NoSuchBucket", "The specified bucket does not exist", notFound);
}

function refuse(refusal: Refusal): AwsError {
  const options = { statusCode: 403 };
  switch (refusal.kind) {
    case "missing":
    case "denied":
      return new AwsError("AccessDenied", "Access Denied", options);
    case "unknown-key":
      return new AwsError("InvalidAccessKeyId", "The AWS Access Key Id does not exist in our records.", options);
    case "mismatch":
      return new AwsError("SignatureDoesNotMatch", "The signature does not match the one calculated here.", options);
    case "expired":
      return new AwsError("RequestTimeTooSkewed", "The request's time is too far off.", options);
    case "session-expired":
      return new AwsError("ExpiredToken", "The provided token has expired.");
    default:
      return refusal satisfies never;
  }
}
