import { roleNames } from "#lib/contract.ts";
import { PosternError } from "#lib/base/errors.ts";
import { quoteIdentifier } from "#lib/postgres/quote.ts";
import type { ExistingRole, RoleAttribute, RoleFacts } from "./facts.ts";
import type { Finding } from "./ownership.ts";

/** Memberships that setup itself gives. */
const ownMemberships: Readonly<Record<string, readonly string[]>> = {
  [roleNames.migrator]: ["pg_read_all_stats"],
  [roleNames.readonly]: ["rds_iam"],
  [roleNames.operator]: ["rds_iam"],
};

/**
 * A role of our name that somebody else made may do more than ours. Takes away the attributes that the master may take away,
 * and reports the rest: other attributes, and memberships, whose grants are other people's.
 *
 * @throws PosternError `db.permission`, naming the role, when the master cannot alter it at all
 */
export function takeExcess(role: ExistingRole, facts: RoleFacts, findings: Finding[]): string[] {
  assertAlterable(role, facts);
  const quoted = quoteIdentifier(role.name);
  const taken = role.attributes.filter((attribute) => mayTake(attribute, facts));
  const kept = role.attributes.filter((attribute) => !taken.includes(attribute));
  const memberOf = role.memberOf.filter((one) => ownMemberships[role.name]?.includes(one) !== true);
  if (kept.length > 0 || memberOf.length > 0) {
    const excess = [...kept.map((one) => one.toUpperCase()), ...memberOf.map((one) => `membership in ${one}`)];
    const fixes = [
      ...(kept.length > 0 ? [`alter role ${role.name} ${negated(kept)}`] : []),
      ...(memberOf.length > 0 ? [`revoke ${memberOf.join(", ")} from ${role.name}`] : []),
    ];
    findings.push({
      code: "role.excess",
      message: `${role.name} was there and has more than setup gives it: ${excess.join(", ")}. Somebody who may should run: ${fixes.join("; ")}.`,
    });
  }
  return taken.length === 0 ? [] : [`alter role ${quoted} ${negated(taken)}`];
}

/** CREATEROLE and ADMIN are enough for CREATEROLE; the others only who has them may change (PostgreSQL 16, `alter role`). */
function mayTake(attribute: RoleAttribute, { isSuperuser, masterAttributes }: RoleFacts): boolean {
  return isSuperuser || attribute === "createrole" || masterAttributes.includes(attribute);
}

function negated(attributes: readonly RoleAttribute[]): string {
  return attributes.map((attribute) => `no${attribute}`).join(" ");
}

/** PostgreSQL would say "permission denied to alter role", and not which. */
function assertAlterable(role: ExistingRole, { master, isSuperuser }: RoleFacts): void {
  if (isSuperuser) return;
  if (role.attributes.includes("superuser")) {
    throw new PosternError("db.permission", `The role ${role.name} is a superuser, which ${master} may not alter.`, {
      hint: `As a superuser, run: alter role ${role.name} nosuperuser. Then run setup again.`,
    });
  }
  if (role.isAdministered) return;
  throw new PosternError(
    "db.permission",
    `The role ${role.name} was made by someone else: ${master} may not alter it.`,
    {
      hint: `As a superuser or as who made it, run: grant ${role.name} to ${quoteIdentifier(master)} with admin option. Then run setup again.`,
    },
  );
}
