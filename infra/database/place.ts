import { tagKeys } from "#lib/contract.ts";
import type { StageSettings } from "../settings/schema.ts";

/**
 * Why the network of the settings is another one than that in which the stage's database is. RDS moves no instance to another VPC,
 * and AWS gives no VPC another range: a deploy would make a network beside, and end at the database.
 *
 * @param vpcId of the database's subnet group; undefined where it has none
 */
export async function findPlaceProblem(
  stage: string,
  { range, existing }: StageSettings["network"],
  vpcId: string | undefined,
): Promise<string | undefined> {
  if (vpcId === undefined || vpcId === existing?.vpcId) return undefined;
  const there = `but the stage's database is in ${vpcId}`;
  const moving = "whoever needs it elsewhere makes another stage, from a snapshot";
  if (existing !== undefined) return `network.existing.vpcId: ${existing.vpcId}, ${there}; expected that: ${moving}`;
  const { cidrBlock, tags } = await aws.ec2.getVpc({ id: vpcId });
  if (tags[tagKeys.stage] !== stage) return `network.existing: is missing, ${there}; expected that: ${moving}`;
  if (cidrBlock === range) return undefined;
  return `network.range: ${range}, but the stage's VPC, ${vpcId}, has ${cidrBlock}; expected that: ${moving}`;
}
