import { allow, deny, type Row } from "../row.ts";
import { ec2 } from "../targets.ts";
import { preview } from "./principals.ts";
import { giving, ofDev, ofShop } from "./tags.ts";

const group = (own: Readonly<Record<string, string>>) => ec2("security-group/sg-1", own);

/** The group that AWS makes with a VPC has no tags. */
export const defaultGroupRows: readonly Row[] = [
  allow(preview, "ec2:RevokeSecurityGroupIngress", group({}), "a VPC's default group is emptied"),
  allow(preview, "ec2:RevokeSecurityGroupEgress", group({}), "a VPC's default group is emptied"),
  deny(preview, "ec2:RevokeSecurityGroupIngress", group(ofDev), "other stage"),
  deny(preview, "ec2:RevokeSecurityGroupEgress", group(ofShop), "other app"),
  deny(preview, "ec2:AuthorizeSecurityGroupIngress", group({}), "nothing is opened in it", giving("pr-7")),
  allow(preview, "ec2:CreateTags", group({}), "then it is tagged", giving("pr-7")),
  deny(preview, "ec2:CreateTags", group({}), "for another stage", giving("dev")),
  deny(preview, "ec2:CreateTags", group({}), "for another app", giving("pr-7", "shop")),
  deny(preview, "ec2:CreateTags", group(ofDev), "other stage's group", giving("pr-7")),
  deny(preview, "ec2:CreateTags", ec2("vpc/vpc-1", {}), "nothing else without tags is taken over", giving("pr-7")),
];
