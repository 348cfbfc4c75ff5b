import { join } from "node:path";
import { writeWhole } from "#lib/base/private-file.ts";
import type { Manifest } from "#lib/contract.ts";
import { formatPasswordLine } from "#lib/postgres/password-file.ts";
import { readCaFile } from "#lib/postgres/tls.ts";
import { findStageAuthorities } from "#lib/stage/database-authorities.ts";
import { databaseLogin } from "#lib/stage/database-login.ts";
import type { StageTarget } from "../target.ts";
import type { DatabaseAccess } from "./access-options.ts";
import { makePrivateFolder } from "./private-folder.ts";

/** What a program that uses libpq needs to log in through a tunnel. Disposing removes the files. */
export type LibpqLogin = AsyncDisposable & {
  readonly user: string;
  readonly kind: "secret" | "iam-token";
  /** Without a secret: the password is in the file that PGPASSFILE names. */
  readonly env: Readonly<Record<string, string>>;
};

export type LoginOptions = {
  readonly stage: StageTarget;
  readonly access: DatabaseAccess;
  /** The tunnel's local end. */
  readonly local: { readonly host: string; readonly port: number };
  readonly caFile: string | undefined;
  readonly stateFolder: string;
};

/** A token is good for logins within 15 minutes: whoever connects later finds a younger one. */
const tokenRefreshMs = 600_000;

/**
 * Prepares a login by libpq's own means:
 *
 * 1. Makes a folder that only this user can enter.
 * 2. Writes the CAs that may sign for the database into it.
 * 3. Writes the role's password, or a token, into a password file there, and a new token whenever the last one gets old.
 *
 * `PGHOST` is the database's real name, which its certificate is checked against and a token is made for; `PGHOSTADDR` is where
 * the socket goes.
 *
 * @throws PosternError `config.invalid`, `secret.*`, `aws.*`, `data.unwritable`; then no file is left
 */
export async function prepareLogin(options: LoginOptions): Promise<LibpqLogin> {
  const { stage, access, local, caFile, stateFolder } = options;
  const { manifest } = stage;
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await makePrivateFolder(stateFolder));
  const rootCert = join(folder.path, "ca.pem");
  await writeWhole(rootCert, `${(await readAuthorities(stage, caFile)).join("\n")}\n`);

  const login = databaseLogin(manifest, access.role, stage.access);
  const passFile = join(folder.path, "pgpass");
  const { host } = manifest.database;
  const writePassword = async () => {
    const password = await login.password();
    const line = formatPasswordLine({ host, port: local.port, database: "*", user: login.user, password });
    await writeWhole(passFile, `${line}\n`);
  };
  await writePassword();
  if (login.kind === "iam-token") stack.use(every(tokenRefreshMs, writePassword));

  const env = {
    ...libpqPlace(manifest, local),
    PGUSER: login.user,
    PGSSLROOTCERT: rootCert,
    PGPASSFILE: passFile,
    PGAPPNAME: access.applicationName,
  };
  const opened = stack.move();
  return { user: login.user, kind: login.kind, env, [Symbol.asyncDispose]: async () => opened.disposeAsync() };
}

/** Where the database is, for libpq. */
function libpqPlace({ database }: Manifest, local: LoginOptions["local"]) {
  return {
    PGHOST: database.host,
    PGHOSTADDR: local.host,
    PGPORT: String(local.port),
    PGDATABASE: database.name,
    PGSSLMODE: "verify-full",
  };
}

/** Variables that would have a say in where the connection goes, as whom, and how far it is trusted. */
const overruled =
  /^PG(?:PASSWORD|SERVICE|SERVICEFILE|REQUIREAUTH|SSL\w*|GSS\w*|KRB\w*|HOST\w*|PORT|USER|DATABASE|PASSFILE|APPNAME)$/u;

/** An environment in which only the login says where and who. */
export function withLogin(
  env: Readonly<Record<string, string | undefined>>,
  login: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
  return { ...Object.fromEntries(Object.entries(env).filter(([name]) => !overruled.test(name))), ...login };
}

/** An environment in which only the place is new: who logs in, and how, is the user's own. A service would name another place. */
export function withPlace(
  env: Readonly<Record<string, string | undefined>>,
  place: Readonly<Record<"PGHOST" | "PGHOSTADDR" | "PGPORT", string>>,
): Record<string, string | undefined> {
  const { PGSERVICE: _elsewhere, ...rest } = env;
  return { ...rest, ...place };
}

/** @throws PosternError `config.invalid` for a file without certificates, or where none are known */
export async function readAuthorities(stage: StageTarget, caFile: string | undefined): Promise<readonly string[]> {
  if (caFile !== undefined) return await readCaFile(caFile);
  return await findStageAuthorities(stage.manifest.database.host, stage.access.databaseCaFile);
}

/** A failure is tried again at the next turn: what is there already is good for a while. */
function every(ms: number, work: () => Promise<void>): AsyncDisposable {
  let last = Promise.resolve();
  const timer = setInterval(() => {
    last = work().catch(() => {});
  }, ms);
  timer.unref();
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      // A write that is under way would bring the file back.
      await last;
    },
  };
}
