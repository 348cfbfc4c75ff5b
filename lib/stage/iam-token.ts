import { Signer } from "@aws-sdk/rds-signer";
import { type AwsAccess, environmentAccess } from "./aws-access.ts";
import { toAwsError } from "./aws-errors.ts";

export type TokenOptions = {
  /** As the database has them, wherever the connection goes: they are signed. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly region: string;
  readonly access?: AwsAccess;
};

/**
 * A password for a role with `rds_iam`, made here without asking AWS: whether it is let in is decided at the login
 * (`rds-db:connect`). RDS takes it for 15 minutes; sessions that have logged in go on.
 *
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
 * @throws PosternError `aws.credentials`
 */
export async function makeIamToken({ host, port, user, region, access = environmentAccess }: TokenOptions) {
  const { credentials } = access;
  try {
    const signer = new Signer({
      hostname: host,
      port,
      username: user,
      region,
      ...(credentials === undefined ? {} : { credentials }),
    });
    return await signer.getAuthToken();
  } catch (error) {
    throw toAwsError(error, { name: "rds-db:connect", access });
  }
}
