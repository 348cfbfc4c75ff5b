import { PosternError } from "#lib/base/errors.ts";
import { drizzleTable, ledgerSchema } from "#lib/contract.ts";
import type { findLosses, Judgement } from "./judge.ts";
import type { SchemaDescription } from "./kit/kit-messages.ts";
import type { findPossibleRenames } from "./possible-renames.ts";

/** @throws PosternError `push.invalid-schema` */
export function refuseOwnSchemas({ schemas }: SchemaDescription): void {
  const own = schemas.filter((schema) => schema === ledgerSchema || schema === drizzleTable.schema);
  if (own.length === 0) return;
  throw new PosternError(
    "push.invalid-schema",
    `The schema file has tables in ${own.join(", ")}: that is the runner's.`,
    {
      hint: "Take them out of the schema file.",
    },
  );
}

/** What no flag lets through: the first reason. */
export function findRefusal(
  { openPolicies, roles, outside, unmanagedData }: Judgement,
  { conditionalPolicies }: SchemaDescription,
): PosternError | undefined {
  const opened = openPolicies.filter((policy) => conditionalPolicies.includes(policy));
  if (opened.length > 0) return describeOpened(opened);
  if (roles.length > 0) return describeRoles(roles);
  if (outside.length > 0) return describeOutside(outside);
  return unmanagedData.length > 0 ? describeUnmanagedData(unmanagedData) : undefined;
}

export function describeAmbiguity(possible: ReturnType<typeof findPossibleRenames>): PosternError | undefined {
  if (possible.length === 0) return undefined;
  const entries = possible.map(({ entries: choices }) => choices.map((entry) => JSON.stringify(entry)).join(" or "));
  const hint =
    `Nothing was changed. In renames.json beside the schema file, declare what it is: ${entries.join("; ")}. ` +
    "A column that is no rename: push in two steps, first without the new one. Or write a migration.";
  return new PosternError("push.ambiguous", possible.map(({ message }) => message).join("\n"), { hint });
}

/** drizzle-kit would change a partition as a table of its own, which the server refuses. */
export function describePartitions(partitions: readonly string[]): PosternError | undefined {
  if (partitions.length === 0) return undefined;
  const message = `These are partitions, and have the columns of their parent: ${partitions.join(", ")}.`;
  const hint = "Nothing was changed. Take them out of the schema file: the parent alone belongs there.";
  return new PosternError("push.unsupported", message, { hint });
}

export function describeLosses(losses: ReturnType<typeof findLosses>): PosternError {
  const lines = losses.map(({ shown, hazard }) => {
    const where = hazard.table === undefined ? "" : `${hazard.table}: `;
    return `${shown}: ${where}${hazard.message}`;
  });
  return new PosternError("push.data-loss", `Data would be lost:\n${lines.join("\n")}`);
}

function describeOutside(outside: readonly string[]): PosternError {
  const message = `A push is one transaction, and this cannot run in one: ${outside.join(", ")}.`;
  return new PosternError("push.outside-transaction", message);
}

/** `pushSchema` leaves the condition out: a policy for some rows would be one for all. */
function describeOpened(policies: readonly string[]): PosternError {
  const message = `drizzle-kit would create these policies without their conditions, open to every row: ${policies.join(", ")}.`;
  return new PosternError("push.unsupported", message);
}

/** They belong to the whole server, not to this database, and drizzle-kit's push never looks which there are. */
function describeRoles(roles: readonly string[]): PosternError {
  const hint =
    "Nothing was changed. Make the role with `postern setup` or in a migration, and declare it in the schema file as " +
    'one that is there: pgRole("name").existing().';
  return new PosternError("push.unsupported", `A push does not make or change roles: ${roles.join(" ")}`, { hint });
}

/** What the schema file does not have is left alone, so that no flag lets its rows go. */
function describeUnmanagedData(lines: readonly string[]): PosternError {
  const message = `Rows of tables that the schema file does not have would be gone, for they refer to one that is emptied:\n`;
  return new PosternError("push.unmanaged-data", `${message}${lines.join("\n")}`);
}
