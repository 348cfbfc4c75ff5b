import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { type AwsRequest, singleHeader } from "./request.ts";

export type Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string };

export type SignatureVerdict = "ok" | "missing" | "unknown-key" | "mismatch" | "expired";

const algorithm = "AWS4-HMAC-SHA256";
/** How far the client's clock may be off. */
const maxSkewMs = 5 * 60 * 1000;

/**
 * Verifies Signature Version 4 in the Authorization header.
 *
 * 1. The header names the algorithm, a scope (key id/date/region/service/aws4_request), signed headers, a signature.
 * 2. The key id is ours and the scope's service is the one that was called.
 * 3. The signed headers include `host` and `x-amz-date`, whose time is within five minutes of ours and on the
 *    scope's date.
 * 4. The canonical request is made from what arrived; the body's hash is computed, never taken from a header.
 * 5. The signature under the key derived for date, region and service equals the one sent, in constant time.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function verifySignature(
  request: AwsRequest,
  expected: { readonly credentials: Credentials; readonly service: string; readonly now: Date },
): SignatureVerdict {
  const authorization = parseAuthorization(singleHeader(request, "authorization"));
  if (authorization === undefined) return "missing";
  const { accessKeyId, date, region, service, signedHeaders, signature } = authorization;
  if (!equals(accessKeyId, expected.credentials.accessKeyId)) return "unknown-key";
  if (service !== expected.service) return "mismatch";

  const time = singleHeader(request, "x-amz-date");
  if (time === undefined || !time.startsWith(date)) return "mismatch";
  if (!signedHeaders.includes("host") || !signedHeaders.includes("x-amz-date")) return "mismatch";
  const skewMs = Math.abs(expected.now.getTime() - parseTime(time));
  if (!(skewMs <= maxSkewMs)) return "expired";

  const scope = `${date}/${region}/${service}/aws4_request`;
  const toSign = [algorithm, time, scope, sha256(canonicalRequest(request, signedHeaders, service))].join("\n");
  const key = [date, region, service, "aws4_request"].reduce<Buffer | string>(
    (derived, part) => hmac(derived, part),
    `AWS4${expected.credentials.secretAccessKey}`,
  );
  return equals(signature, hmac(key, toSign).toString("hex")) ? "ok" : "mismatch";
}

/** The key that a request says it is signed with; nothing is proven by it. */
export function claimedKey(request: AwsRequest): string | undefined {
  return parseAuthorization(singleHeader(request, "authorization"))?.accessKeyId;
}

type Authorization = {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
};

function parseAuthorization(header: string | undefined): Authorization | undefined {
  const match = /^AWS4-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/u.exec(
    header ?? "",
  );
  const [, credential = "", signedHeaders = "", signature = ""] = match ?? [];
  const [accessKeyId, date, region, service, terminator, ...more] = credential.split("/");
  if (accessKeyId === undefined || date === undefined || region === undefined || service === undefined)
    return undefined;
  if (terminator !== "aws4_request" || more.length > 0) return undefined;
  return { accessKeyId, date, region, service, signedHeaders: signedHeaders.split(";"), signature };
}

/** `20260131T235959Z` */
function parseTime(text: string): number {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/u, "$1-$2-$3T$4:$5:$6Z"));
}

function canonicalRequest(request: AwsRequest, signedHeaders: readonly string[], service: string): string {
  const headers = signedHeaders.map((name) => `${name}:${canonicalValue(singleHeader(request, name) ?? "")}\n`);
  return [
    request.method,
    // Encoded once by the client and once more by the algorithm, for every service but S3.
    service === "s3" ? request.path : request.path.split("/").map(encode).join("/"),
    canonicalQuery(request.query),
    headers.join(""),
    signedHeaders.join(";"),
    sha256(request.body),
  ].join("\n");
}

function canonicalValue(value: string): string {
  return value.trim().replaceAll(/ +/gu, " ");
}

function canonicalQuery(query: URLSearchParams): string {
  return [...query]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join("&");
}

/** RFC 3986: `encodeURIComponent` leaves these five as they are. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/gu,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac("sha256", key).update(data).digest();
}

/** In constant time: hashing first makes both the same length. */
function equals(left: string, right: string): boolean {
  return timingSafeEqual(createHash("sha256").update(left).digest(), createHash("sha256").update(right).digest());
}
