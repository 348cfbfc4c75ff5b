import type { XmlChildren, XmlContent } from "../xml.ts";

/** The element's name, where it is not the member's in lower camel case. */
export type ElementNames = Readonly<Record<string, string>>;

/** Lists, in whatever they are. */
const listNames: ElementNames = {
  Associations: "associationSet",
  Groups: "groupSet",
  NetworkInterfaces: "networkInterfaceSet",
  PropagatingVgws: "propagatingVgwSet",
  Routes: "routeSet",
  SecurityGroups: "groupSet",
  TagSet: "tagSet",
  Tags: "tagSet",
  UserIdGroupPairs: "groups",
};

/** Of a resource itself; what is within it is named regularly. */
export const instanceElements: ElementNames = {
  PublicDnsName: "dnsName",
  PublicIpAddress: "ipAddress",
  State: "instanceState",
  StateTransitionReason: "reason",
};
export const securityGroupElements: ElementNames = { Description: "groupDescription" };

/**
 * A member of the SDK as EC2 writes it: lower camel case, a list's members as `item`. The names are those of EC2's model
 * (`ec2QueryName` and `xmlName`), of which the tables above have the exceptions.
 */
export function toEc2Xml(value: object, elements: ElementNames = {}): XmlChildren {
  return Object.fromEntries(
    Object.entries(value).map(([member, content]: [string, unknown]) => {
      if (Array.isArray(content)) {
        return [listNames[member] ?? lowerFirst(member), { item: content.map((item) => toContent(item)) }];
      }
      return [elements[member] ?? lowerFirst(member), content === undefined ? undefined : toContent(content)];
    }),
  );
}

function toContent(value: unknown): XmlContent {
  if (value instanceof Date) return value;
  if (typeof value === "object" && value !== null) return toEc2Xml(value);
  return typeof value === "number" || typeof value === "boolean" ? value : String(value);
}

function lowerFirst(name: string): string {
  return name.slice(0, 1).toLowerCase() + name.slice(1);
}
