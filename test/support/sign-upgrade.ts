import { createHash, createHmac } from "node:crypto";

/** The headers of a signed upgrade to a data channel: Signature Version 4 over a GET without a body, by hand. */
export function signUpgrade(
  url: string,
  options: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly region: string;
    readonly service?: string;
    readonly time?: Date;
  },
): Record<string, string> {
  const { accessKeyId, secretAccessKey, region, service = "ssmmessages", time = new Date() } = options;
  const { host, pathname, searchParams } = new URL(url);
  const date = time.toISOString().replace(/[-:]|\.\d+/gu, "");
  const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
  const canonical = `GET\n${pathname}\n${searchParams.toString()}\nhost:${host}\nx-amz-date:${date}\n\nhost;x-amz-date\n${hash("")}`;
  let key: string | Buffer = `AWS4${secretAccessKey}`;
  for (const part of scope.split("/")) key = hmac(key, part);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash(canonical)}`).toString("hex");
  return {
    host,
    "x-amz-date": date,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=host;x-amz-date, Signature=${signature}`,
  };
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
