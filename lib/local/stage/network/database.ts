import { appName, instanceIdentifier, proxyName } from "#lib/contract.ts";
import type { AwsResources } from "../../aws/resources.ts";
import { networkIds, stageTags } from "./ids.ts";

export type StageDatabase = Pick<
  AwsResources,
  "dbInstances" | "dbProxies" | "dbProxyTargets" | "dbEvents" | "certificates"
>;

type DatabaseFacts = {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly version: number;
};

const authority = "rds-ca-rsa2048-g1";
/** The server's certificate is made anew in time; RDS does the same. */
const certificateDays = 365;

/** What RDS says of the database, as `infra/database/` makes it, and of its proxy. */
export function describeDatabase(
  stage: string,
  region: string,
  { host, port, name, version }: DatabaseFacts,
  startedAt: Date,
): StageDatabase {
  const { groups, vpc, privateSubnets } = networkIds;
  const id = instanceIdentifier(stage);
  const validTill = new Date(startedAt.getTime() + certificateDays * 86_400_000);
  return {
    dbInstances: [
      {
        DBInstanceIdentifier: id,
        DBInstanceStatus: "available",
        DBInstanceClass: "db.t4g.micro",
        Engine: "postgres",
        EngineVersion: String(version),
        Endpoint: { Address: host, Port: port },
        DBName: name,
        InstanceCreateTime: startedAt,
        AvailabilityZone: `${region}-a`,
        MultiAZ: false,
        PubliclyAccessible: false,
        StorageEncrypted: true,
        IAMDatabaseAuthenticationEnabled: false,
        CACertificateIdentifier: authority,
        CertificateDetails: { CAIdentifier: authority, ValidTill: validTill },
        DBSubnetGroup: {
          DBSubnetGroupName: id,
          VpcId: vpc,
          SubnetGroupStatus: "Complete",
          Subnets: privateSubnets.map((subnet, index) => ({
            SubnetIdentifier: subnet,
            SubnetStatus: "Active",
            SubnetAvailabilityZone: { Name: `${region}-${index === 0 ? "a" : "b"}` },
          })),
        },
        VpcSecurityGroups: [{ VpcSecurityGroupId: groups.database, Status: "active" }],
        TagList: stageTags(stage, "database"),
      },
    ],
    dbProxies: [
      {
        DBProxyName: proxyName(stage),
        Status: "available",
        EngineFamily: "POSTGRESQL",
        VpcId: vpc,
        VpcSubnetIds: [...privateSubnets],
        VpcSecurityGroupIds: [groups.proxy],
        RequireTLS: true,
        DebugLogging: false,
        Auth: (["app", "health"] as const).map((owner) => ({
          AuthScheme: "SECRETS",
          SecretArn: `${appName}/${stage}/${owner}`,
          IAMAuth: "DISABLED",
        })),
      },
    ],
    dbProxyTargets: {
      [proxyName(stage)]: [
        {
          Type: "RDS_INSTANCE",
          RdsResourceId: id,
          Endpoint: host,
          Port: port,
          Role: "READ_WRITE",
          TargetHealth: { State: "AVAILABLE" },
        },
      ],
    },
    dbEvents: [
      {
        SourceType: "db-instance",
        SourceIdentifier: id,
        Message: "DB instance restarted",
        EventCategories: ["availability"],
        Date: startedAt,
      },
    ],
    certificates: [{ CertificateIdentifier: authority, CertificateType: "CA", ValidTill: validTill }],
  };
}
