import { DescribeDBInstancesCommand, paginateDescribeEvents, type RDSClient } from "@aws-sdk/client-rds";
import { sendOptions } from "#lib/stage/aws-access.ts";

/** A database instance, as RDS tells of it. */
export type DatabaseInstance = {
  /** `available`, `stopped`, `storage-full`, … */
  readonly status: string;
  readonly groupIds: readonly string[];
  /** The authority of its certificate, as `rds-ca-rsa2048-g1`, and the certificate's last day. */
  readonly authority?: string;
  readonly certificateEndsAt?: Date;
};

export type DatabaseEvent = { readonly at: Date; readonly message: string };

/** @returns undefined where there is no instance of that name any more */
export async function readDatabase(
  client: RDSClient,
  instanceId: string,
  signal: AbortSignal,
): Promise<DatabaseInstance | undefined> {
  try {
    const command = new DescribeDBInstancesCommand({ DBInstanceIdentifier: instanceId });
    const [one] = (await client.send(command, sendOptions(signal))).DBInstances ?? [];
    if (one === undefined) return undefined;
    const { CAIdentifier: authority, ValidTill: certificateEndsAt } = one.CertificateDetails ?? {};
    return {
      status: one.DBInstanceStatus ?? "unknown",
      groupIds: (one.VpcSecurityGroups ?? []).flatMap(({ VpcSecurityGroupId }) => VpcSecurityGroupId ?? []),
      ...(authority === undefined ? {} : { authority }),
      ...(certificateEndsAt === undefined ? {} : { certificateEndsAt }),
    };
  } catch (error) {
    if (error instanceof Error && error.name.startsWith("DBInstanceNotFound")) return undefined;
    throw error;
  }
}

const eventMinutes = 60;

/** What became of it in the last hour, the newest first. */
export async function readEvents(
  client: RDSClient,
  instanceId: string,
  signal: AbortSignal,
): Promise<readonly DatabaseEvent[]> {
  const wanted = { SourceType: "db-instance", SourceIdentifier: instanceId, Duration: eventMinutes } as const;
  const found: DatabaseEvent[] = [];
  for await (const { Events = [] } of paginateDescribeEvents({ client }, wanted, sendOptions(signal))) {
    found.push(...Events.map(({ Date: at = new Date(0), Message: message = "" }) => ({ at, message })));
  }
  return found.toSorted((a, b) => b.at.getTime() - a.at.getTime());
}
