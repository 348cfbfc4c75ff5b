import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { PosternError } from "#lib/base/errors.ts";
import { roleNames, type RotatableRole, rotatableRoles } from "#lib/contract.ts";
import type { RunnerEvent, SetupResult } from "#lib/protocol.ts";
import { setupRoles } from "#lib/migrate/roles/setup.ts";
import type { RotateResult } from "#lib/migrate/roles/rotate.ts";
import { type Connection, connect } from "#lib/postgres/connect.ts";
import type { CommandContext } from "../command-context.ts";
import { keepPasswords } from "../options/passwords-file.ts";
import { describeRequester } from "../provenance.ts";
import { alignColumns, type Style } from "../style.ts";
import { addTargetOptions, openTarget, type StageTarget, type Target, type UrlTarget } from "../target.ts";

type SetupFlags = {
  readonly passwordsFile?: string;
  readonly resetPasswords?: boolean;
  readonly rotate?: RotatableRole;
};

const help = `
Makes the roles postern_migrator, postern_app, postern_health, postern_readonly and postern_operator and their
privileges, or puts them right. Connect as the master of the database: a role with CREATEROLE that owns it.

With --stage the passwords come from the stage's secrets. With --url they are kept in --passwords-file, in the format
of PGPASSFILE: what is in it is used, the others are generated. They are never printed. To change one there, delete its
line and run this again with --reset-passwords.

Exit code: 0 done, 1 done and there are findings that you should settle.

Examples:
  $ postern setup --stage dev
  $ postern setup --stage dev --rotate app
  $ PGPASSWORD=… postern setup --url postgres://master@localhost:5432/app --passwords-file roles.pgpass`;

export function registerSetup(command: Command, context: CommandContext): void {
  addTargetOptions(command)
    .addOption(
      new Option("--passwords-file <file>", "keeps the roles' passwords (with --url)").env("POSTERN_PASSWORDS_FILE"),
    )
    .addOption(
      new Option("--reset-passwords", "Danger: give roles that exist a new password where the file has none").env(
        "POSTERN_RESET_PASSWORDS",
      ),
    )
    .addOption(
      new Option("--rotate <role>", "give one role a new password (with --stage)")
        .choices(rotatableRoles)
        .env("POSTERN_ROTATE"),
    )
    .addHelpText("after", help)
    .action(async () => {
      const flags = command.opts<SetupFlags>();
      const target = await openTarget(command, context);
      if (flags.rotate !== undefined) {
        const rotated = await rotateOnStage(target, flags.rotate, context);
        context.output.result(rotated, ({ role }) => `${role} has a new password`);
        return;
      }
      const result =
        target.kind === "stage" ? await setupStage(target, context) : await setupUrl(target, flags, context);
      context.output.result(result, describeResult);
      if (result.findings.length > 0) context.endWith(1);
    });
}

async function setupStage(target: StageTarget, context: CommandContext): Promise<SetupResult> {
  const { replies } = await import("#lib/stage/replies.ts");
  const event = { action: "setup", runId: randomUUID(), requestedBy: describeRequester() } as const;
  return replies.setup(await askRunner(target, event, context));
}

async function rotateOnStage(target: Target, role: RotatableRole, context: CommandContext): Promise<RotateResult> {
  if (target.kind === "url") {
    throw new PosternError("usage.invalid", "--rotate goes with --stage.", {
      hint: "With --url, delete the role's line from the passwords file and run setup with --reset-passwords.",
    });
  }
  const { replies } = await import("#lib/stage/replies.ts");
  const event = { action: "rotate", role, runId: randomUUID(), requestedBy: describeRequester() } as const;
  return replies.rotate(await askRunner(target, event, context));
}

/** Waited for, not queued: these take a moment, and may be repeated when the answer is lost. */
async function askRunner(target: StageTarget, event: RunnerEvent, { signal }: CommandContext): Promise<unknown> {
  const { invokeFunction } = await import("#lib/stage/invoke.ts");
  const { access, manifest } = target;
  return await invokeFunction({ access, functionName: manifest.functions.runner, event, signal });
}

async function setupUrl({ address }: UrlTarget, flags: SetupFlags, { signal }: CommandContext): Promise<SetupResult> {
  const { passwordsFile, resetPasswords: mayReset = false } = flags;
  if (passwordsFile === undefined) {
    throw new PosternError("usage.invalid", "With --url, setup needs --passwords-file to keep the passwords in.");
  }
  await using connection = await connect(address, { applicationName: "postern setup", signal });
  const readPasswords = async () => {
    const existing = await findPasswordRoles(connection.client);
    return await keepPasswords(resolve(passwordsFile), address, { existing, mayReset });
  };
  return await setupRoles(connection.client, { databaseName: address.database, readPasswords, signal });
}

/** The roles that the server has and that log in with a password: where `rds_iam` exists, people's do not. */
async function findPasswordRoles(client: Connection["client"]): Promise<string[]> {
  const { rows } = await client.query<{ role: string }>(
    `select rolname as role from pg_roles
     where rolname = any($1) or (rolname = any($2) and not exists (select from pg_roles where rolname = 'rds_iam'))`,
    [
      [roleNames.migrator, roleNames.app, roleNames.health],
      [roleNames.readonly, roleNames.operator],
    ],
  );
  return rows.map(({ role }) => role);
}

function describeResult({ roles, findings }: SetupResult, style: Style): string {
  const rows = alignColumns(
    roles.map(({ role, created, login }) => [
      created ? style.good("+") : style.dim("="),
      role,
      created ? "created" : "was there",
      login === "none" ? "no login" : `logs in with ${login === "iam" ? "IAM" : "a password"}`,
    ]),
  );
  const problems = findings.map(({ code, message }) => `${style.warn("!")} ${message} ${style.dim(`[${code}]`)}`);
  return [...rows, ...problems].join("\n");
}
