import { type Command, Option } from "commander";
import { PosternError } from "#lib/base/errors.ts";
import type { Manifest, RoleKey } from "#lib/contract.ts";

/** As whom a person works in a stage's database, and what the server is told of it. */
export type DatabaseAccess = {
  readonly role: Extract<RoleKey, "readonly" | "operator">;
  /** `application_name`: the server shows it in `pg_stat_activity` and writes it into its log of connections. */
  readonly applicationName: string;
  /** It was given, and is in the name. */
  readonly hasReason: boolean;
};

type AccessFlags = { readonly write?: boolean; readonly reason?: string };

/** PostgreSQL cuts names behind that many bytes (NAMEDATALEN). */
const maxNameBytes = 63;
const maxUserLength = 16;

export const accessHelp = `
On a protected stage you log in as postern_readonly; --write --reason TEXT makes it postern_operator, who may change rows, and the
reason is in application_name: in pg_stat_activity, and in the server's log where it logs connections. On other stages you are
postern_operator: a person's role, too, so that the log tells people from the application. Neither may change the schema, which
is what migrations are for. A role without a secret in the manifest logs in with an IAM token.`;

/** Gives a verb that logs in for somebody the flags that say as whom. */
export function addAccessOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--write", "Danger: as postern_operator on a protected stage, with --reason").env("POSTERN_WRITE"),
    )
    .addOption(new Option("--reason <text>", "why you write, for application_name").env("POSTERN_REASON"))
    .addOption(
      new Option("--ca <file>", "trust the CAs in this PEM file (default: RDS's of the region)").env("POSTERN_CA"),
    );
}

/**
 * Who it is to be. Writing on a protected stage is asked for, with a reason; elsewhere it needs none.
 *
 * @param requester the person's name on this machine
 * @throws PosternError `usage.invalid`
 */
export function chooseAccess(
  { write, reason }: AccessFlags,
  { protected: isProtected, stage }: Pick<Manifest, "protected" | "stage">,
  requester: string,
): DatabaseAccess {
  const user = printable(requester).slice(0, maxUserLength);
  if (reason !== undefined && write !== true) {
    throw new PosternError("usage.invalid", "--reason goes with --write.");
  }
  if (write === true && isProtected && reason === undefined) {
    throw new PosternError("usage.invalid", `--write on the protected stage ${stage} needs --reason TEXT.`, {
      hint: "Say what for, as a ticket's number: it is kept with the connection.",
    });
  }
  if (!isProtected || write === true) {
    const applicationName = reason === undefined ? `postern ${user}` : withReason(`postern ${user}: `, reason);
    return { role: "operator", applicationName, hasReason: reason !== undefined };
  }
  return { role: "readonly", applicationName: `postern ${user}`, hasReason: false };
}

/** The server would cut a longer one, and write other characters as question marks or escapes. */
function withReason(prefix: string, reason: string): string {
  const room = maxNameBytes - prefix.length;
  if (reason.trim() !== "" && reason.length <= room && printable(reason) === reason) return `${prefix}${reason}`;
  throw new PosternError(
    "usage.invalid",
    `--reason ${JSON.stringify(reason)}: expected 1 to ${room} printable ASCII characters, which is what application_name takes.`,
  );
}

function printable(text: string): string {
  return text.replaceAll(/[^\u0020-\u007e]/gu, "?");
}
