import { roleNames } from "#lib/contract.ts";
import type { SetupResult } from "#lib/protocol.ts";
import { quoteIdentifier } from "#lib/postgres/quote.ts";
import type { ObjectFacts, RoleFacts } from "./facts.ts";

export type Finding = SetupResult["findings"][number];

export type OwnedObjects = {
  readonly statements: readonly string[];
  names(kind: ObjectFacts["kind"]): readonly string[];
};

const migrator = quoteIdentifier(roleNames.migrator);

/**
 * Makes the schema the migrator's. Who owned it before keeps USAGE and CREATE, so that what works goes on working; PUBLIC
 * keeps USAGE where there is something to use.
 * Undefined when the master has no say in it: then nothing in it is touched.
 */
export function ownSchema(schema: string, facts: RoleFacts, findings: Finding[]): string[] | undefined {
  const quoted = quoteIdentifier(schema);
  const found = facts.schemas.find((one) => one.name === schema);
  if (found === undefined) return [`create schema ${quoted} authorization ${migrator}`];
  if (found.owner === roleNames.migrator) return [];
  if (!found.isOurs) {
    findings.push({
      code: "schema.foreign",
      message: `Schema ${schema} belongs to ${found.owner}, and ${facts.master} may not change that: nothing in it was touched.`,
    });
    return undefined;
  }
  return [
    `alter schema ${quoted} owner to ${migrator}`,
    `grant usage, create on schema ${quoted} to ${quoteIdentifier(found.owner)}`,
    ...(found.isEmpty ? [`revoke usage on schema ${quoted} from public`] : []),
  ];
}

/**
 * Hands the master's own objects in a schema to the migrator, which could not alter them otherwise; the master keeps every
 * privilege on them. Objects of others are left alone and reported.
 */
export function ownObjects(schema: string, facts: RoleFacts, findings: Finding[]): OwnedObjects {
  const inSchema = facts.objects.filter((object) => object.schema === schema);
  const adopted = inSchema.filter((object) => object.owner === facts.master);
  const reachable = inSchema.filter((object) => object.isOurs || object.owner === roleNames.migrator);
  const foreign = inSchema.filter((object) => object.owner !== facts.master && object.owner !== roleNames.migrator);
  if (adopted.length > 0) {
    findings.push({
      code: "objects.adopted",
      message: `${adopted.length} objects in schema ${schema} now belong to ${roleNames.migrator}; ${facts.master} keeps its privileges on them, except to alter them.`,
    });
  }
  if (foreign.length > 0) {
    const owners = [...new Set(foreign.map((object) => object.owner))].toSorted().join(", ");
    const open = foreign.filter((object) => object.isOpen && !object.isOurs).map((object) => object.name);
    const openToo = open.length === 0 ? "" : ` Everyone may go on executing ${open.join(", ")}.`;
    findings.push({
      code: "objects.foreign",
      message: `${foreign.length} objects in schema ${schema} belong to ${owners}: ${roleNames.migrator} cannot alter them.${openToo}`,
    });
  }
  const opened = reachable.filter((object) => object.isOpen).map((object) => object.name);
  if (opened.length > 0) {
    findings.push({
      code: "routines.closed",
      message: `Everyone could execute ${opened.join(", ")}, with its owner's rights where it is SECURITY DEFINER. PUBLIC may no longer: grant execute to roles of your own that call it.`,
    });
  }
  const master = quoteIdentifier(facts.master);
  return {
    // All owners first: changing a table's owner changes its sequences', and rewrites what was granted to the old one.
    statements: [
      ...adopted
        .filter((object) => !object.isDependent)
        .map((object) => `alter ${object.keyword} ${object.name} owner to ${migrator}`),
      ...adopted.map((object) => `grant all on ${object.kind} ${object.name} to ${master}`),
      ...(opened.length === 0 ? [] : [`revoke execute on routine ${opened.join(", ")} from public`]),
    ],
    names: (kind) => reachable.filter((object) => object.kind === kind).map((object) => object.name),
  };
}
