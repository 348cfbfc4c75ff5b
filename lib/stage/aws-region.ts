import { SSMClient } from "@aws-sdk/client-ssm";
import { PosternError } from "#lib/base/errors.ts";

/**
 * The region as the AWS SDK finds it: AWS_REGION, then the profile's. undefined where neither is set.
 *
 * @throws PosternError `config.invalid` for one that the SDK refuses
 */
export async function findAwsRegion(): Promise<string | undefined> {
  const client = new SSMClient({});
  try {
    return await client.config.region();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason === "Region is missing") return undefined;
    throw new PosternError("config.invalid", `The AWS region cannot be read: ${reason}`, {
      hint: "Set AWS_REGION to a region's name, or unset it.",
      cause: error,
    });
  } finally {
    client.destroy();
  }
}
