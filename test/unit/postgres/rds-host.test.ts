import { expect, test } from "vitest";
import { rdsRegionOf } from "#lib/postgres/rds-host.ts";

test.each([
  ["mydb.c9akciq32abc.eu-central-1.rds.amazonaws.com", "eu-central-1"],
  ["MyDB.C9AKCIQ32ABC.EU-Central-1.RDS.amazonaws.com", "eu-central-1"],
  ["mydb.c9akciq32abc.eu-central-1.rds.amazonaws.com.", "eu-central-1"],
  ["main.cluster-c9akciq32abc.us-east-1.rds.amazonaws.com", "us-east-1"],
  ["main.cluster-ro-c9akciq32abc.us-east-1.rds.amazonaws.com", "us-east-1"],
  ["postern-dev.proxy-c9akciq32abc.ap-southeast-4.rds.amazonaws.com", "ap-southeast-4"],
  ["reader.endpoint.proxy-c9akciq32abc.us-west-2.rds.amazonaws.com", "us-west-2"],
  ["mydb.c9akciq32abc.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1"],
  ["mydb.c9akciq32abc.rds.cn-north-1.amazonaws.com.cn", "cn-north-1"],
])("%s is a host of RDS in %s", (host, region) => {
  expect(rdsRegionOf(host)).toBe(region);
});

test.each([
  "localhost",
  "127.0.0.1",
  "",
  "rds.amazonaws.com",
  "eu-central-1.rds.amazonaws.com",
  "db.example",
  "mydb.c9akciq32abc.eu-central-1.rds.amazonaws.com.evil.example",
  "mydb.c9akciq32abc.eu-central-1.evilrds.amazonaws.com",
  "mydb.c9akciq32abc.eu-central-1.rds-amazonaws.com",
  "mydb.c9akciq32abc.eu-central-1.rds.amazonaws.com\n.evil.example",
  "evil.example\nmydb.c9akciq32abc.eu-central-1.rds.amazonaws.com",
  "mydb.c9akciq32abc.eu-central-1.redshift.amazonaws.com",
  "mydb.c9akciq32abc.us-east-2.rds-preview.amazonaws.com",
  "mydb.c9akciq32abc.eu-central-1.rds.amazonaws.com..",
])("%j is none", (host) => {
  expect(rdsRegionOf(host)).toBeUndefined();
});
