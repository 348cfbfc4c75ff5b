import type { SSMClient } from "@aws-sdk/client-ssm";
import { SignatureV4 } from "@smithy/signature-v4";

/**
 * The headers that sign the upgrade of a WebSocket to the session's address. AWS's own client does so since 1.2.764,
 * and its policies name the action (ssmmessages:OpenDataChannel); the token in the first frame is needed besides.
 *
 * An address that carries a signature in its query is not signed again.
 *
 * @see https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-quickstart.html
 */
export async function signUpgrade(url: URL, client: SSMClient): Promise<Record<string, string>> {
  const isSigned = [...url.searchParams.keys()].some((name) => /^x-amz-/iu.test(name));
  if (isSigned) return {};
  const { credentials, region, sha256, systemClockOffset } = client.config;
  const signer = new SignatureV4({
    service: "ssmmessages",
    region,
    credentials,
    sha256,
    // The header would have to be sent and checked, for a body that is empty.
    applyChecksum: false,
  });
  const { headers } = await signer.sign(
    {
      method: "GET",
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: queryOf(url),
      // With the port where it is not the scheme's own, as the request has it.
      headers: { host: url.host },
    },
    { signingDate: new Date(Date.now() + systemClockOffset) },
  );
  return headers;
}

function queryOf(url: URL): Record<string, string[]> {
  const query: Record<string, string[]> = {};
  for (const name of url.searchParams.keys()) query[name] = url.searchParams.getAll(name);
  return query;
}
