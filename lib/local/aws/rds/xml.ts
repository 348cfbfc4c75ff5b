import type { XmlChildren, XmlContent } from "../xml.ts";

/** Names of the elements in a list; `member` where a list has no other. */
const itemNames: Readonly<Record<string, string>> = {
  Certificates: "Certificate",
  Events: "Event",
  EventCategories: "EventCategory",
  DBInstances: "DBInstance",
  VpcSecurityGroups: "VpcSecurityGroupMembership",
  DBParameterGroups: "DBParameterGroup",
  Subnets: "Subnet",
  TagList: "Tag",
};

/** The SDK's members are the elements of RDS, name by name. */
export function toXml(value: object): XmlChildren {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]: [string, unknown]) => {
      if (Array.isArray(member)) return [name, { [itemNames[name] ?? "member"]: member.map(toContent) }];
      return [name, member === undefined ? undefined : toContent(member)];
    }),
  );
}

function toContent(member: unknown): XmlContent {
  if (member instanceof Date) return member;
  if (typeof member === "object" && member !== null) return toXml(member);
  return typeof member === "number" || typeof member === "boolean" ? member : String(member);
}
