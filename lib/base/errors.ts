/**
 * The one error of this project. A code from a closed union, what the user should do about it, and the exit code
 * that a shell sees. Callers test the code, never the text.
 *
 * Exit codes: 1 the user must act (drift, refused, unhealthy), 2 it could not be done.
 */
const errorTable = {
  // What the caller typed or sent
  "usage.invalid": { exitCode: 2, hint: "See `postern help <verb>`." },
  "config.invalid": { exitCode: 2, hint: undefined },
  "event.invalid": { exitCode: 2, hint: "Invoke the function with the event that `lib/protocol.ts` describes." },
  "url.invalid": { exitCode: 2, hint: "Expected postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full." },

  // Stages
  "stage.unknown": { exitCode: 2, hint: "Check the name, the region and AWS_PROFILE, or deploy the stage first." },
  "stage.not-running": { exitCode: 2, hint: "Start it with `npm run local` and leave it open." },
  "stage.running": { exitCode: 1, hint: "Use the one that is running, or stop it with Ctrl-C first." },
  "stage.no-long-runs": {
    exitCode: 1,
    hint: "Set longRuns: true for the stage in postern.config.ts, and deploy; or run it with --url from inside the network.",
  },
  "stage.no-tunnel": {
    exitCode: 1,
    hint: 'Set network.bastion: "ssm" for the stage in postern.config.ts, and deploy.',
  },
  "bundle.stale": { exitCode: 1, hint: "Deploy first (on the local stage: restart it), then run this again." },

  // The machine
  "port.taken": { exitCode: 2, hint: "Free the port, or choose another." },
  "data.unwritable": { exitCode: 2, hint: "Give this user write access, or choose another folder with --data." },
  "data.wrong-version": {
    exitCode: 2,
    hint: "Keep it for the older version, or start anew with --fresh (its data is lost).",
  },
  "output.unwritable": { exitCode: 2, hint: "Make room where stdout goes, or send it elsewhere, then run this again." },
  "report.unwritable": { exitCode: 2, hint: "Name another file: --html FILE." },
  "report.exists": { exitCode: 1, hint: "Name another file, or add --force: what is in this one is lost then." },
  "process.failed": { exitCode: 2, hint: undefined },
  "build.failed": { exitCode: 2, hint: undefined },
  "build.unknown-region": { exitCode: 2, hint: "Name a PEM file with that region's RDS CAs: --rds-ca FILE." },

  // Reaching PostgreSQL (the same words as the doctor's verdicts)
  "dns.not-found": { exitCode: 2, hint: "Check the host name; private names resolve only inside the VPC." },
  "tcp.refused": { exitCode: 2, hint: "Nothing listens there: check host and port, and that the server runs." },
  "tcp.timeout": { exitCode: 2, hint: "No answer: check the route, the security group and the address." },
  "tcp.unreachable": { exitCode: 2, hint: "There is no route to that host from here." },
  "endpoint.not-postgres": { exitCode: 2, hint: "Something other than PostgreSQL listens there: check the port." },
  "endpoint.silent": {
    exitCode: 2,
    hint: "The port is open but nothing answers: the server hangs, or something on the path swallows the bytes.",
  },
  "endpoint.closed": { exitCode: 2, hint: "The server or something on the path closed the connection." },
  "tls.refused": {
    exitCode: 2,
    hint: "The server offers no TLS. If that is intended, say so: add ?sslmode=disable to the URL.",
  },
  "tls.required": { exitCode: 2, hint: "The server accepts only TLS: use ?sslmode=verify-full." },
  "tls.failed": { exitCode: 2, hint: undefined },
  "cert.unknown-ca": { exitCode: 2, hint: "Name the CA that signed it: --ca FILE, or ?sslrootcert=FILE." },
  "cert.wrong-host": { exitCode: 2, hint: "Connect with the name in the certificate." },
  "cert.expired": { exitCode: 2, hint: "Renew the server's certificate." },
  "auth.rejected": { exitCode: 2, hint: "Check user and password." },
  "auth.no-login": { exitCode: 2, hint: undefined },
  "db.missing": { exitCode: 2, hint: "Check the database name at the end of the URL." },
  "db.permission": { exitCode: 2, hint: "Use a role that has the privilege, or run `postern setup`." },
  "db.too-many-connections": { exitCode: 2, hint: "Close some connections, then run this again." },
  "db.unavailable": { exitCode: 2, hint: "The server is starting or shutting down: wait, then run this again." },
  "db.read-only": { exitCode: 2, hint: "This server is a replica or read-only: connect to the primary." },
  "db.timeout": { exitCode: 2, hint: "Run it again when the database is less busy, or raise the limit." },
  "db.failed": { exitCode: 2, hint: undefined },

  // Migrations and seeds
  "migrations.missing": { exitCode: 2, hint: "Name the folder that drizzle-kit writes with --dir." },
  "migrations.unknown-format": { exitCode: 2, hint: "Name the folder that drizzle-kit writes with --dir." },
  "migrations.mixed-formats": {
    exitCode: 2,
    hint: "Keep one: `drizzle-kit up` of 1.0 turns the first into the second; else restore the folder from version control.",
  },
  "migrations.broken-journal": { exitCode: 2, hint: "Restore meta/_journal.json from version control." },
  "migrations.missing-file": { exitCode: 2, hint: "Restore the file from version control." },
  "migrations.invalid-file": { exitCode: 2, hint: undefined },
  "migrations.invalid-sql": { exitCode: 2, hint: "Mend the SQL, then run this again." },
  "migrations.transaction-control": {
    exitCode: 2,
    hint: "Take it out: each migration is one transaction already. To commit in between, make two migrations.",
  },
  "migrations.client-command": { exitCode: 2, hint: "Write it in SQL; rows belong in a seed set." },
  "migrations.too-large": { exitCode: 2, hint: "Put the rows in a seed set, or split the migration." },
  "migrations.own-transaction": {
    exitCode: 2,
    hint: "Take BEGIN, COMMIT and ROLLBACK out of the migration: the runner gives each one its own transaction.",
  },
  // Each names the flag that lets it be, as `historyOverrides` in lib/contract.ts has them.
  "history.edited": {
    exitCode: 1,
    hint: "Restore the file as it was applied, and put the change in a new migration; or let it count as applied: --allow-edited.",
  },
  "history.missing-file": {
    exitCode: 1,
    hint: "Restore the migration from version control; or leave its row alone: --allow-missing.",
  },
  "history.out-of-order": {
    exitCode: 1,
    hint: "Generate the migration again, so that it comes last; or apply it now, after the newer ones: --allow-out-of-order.",
  },
  "history.database-ahead": {
    exitCode: 1,
    hint: "Use the code that has these migrations; or leave their rows alone: --allow-ahead.",
  },
  "history.duplicate": {
    exitCode: 1,
    hint: "Keep one of the rows in drizzle.__drizzle_migrations; or count it as applied once: --allow-duplicate.",
  },
  "history.half-applied": {
    exitCode: 1,
    hint: "Give the migration its old name back, or undo its statements by hand; --allow-half-applied lets it be.",
  },
  "history.unlisted-file": {
    exitCode: 1,
    hint: "Put it in the journal (meta/_journal.json from version control may have it) or remove it; or pass over it: --allow-unlisted.",
  },
  "baseline.unknown-tag": { exitCode: 2, hint: "Name the last migration that the database has already." },
  "baseline.not-empty": {
    exitCode: 1,
    hint: "A baseline is for a database without history: see `postern status`, then run migrate without --baseline.",
  },
  "migrate.failed": { exitCode: 2, hint: "Nothing of this migration was kept. Mend it, then run migrate again." },
  "migrate.blocked": {
    exitCode: 1,
    hint: "Nothing of this migration was kept. End what blocks it, or run migrate again when it is over.",
  },
  "migrate.deadline": {
    exitCode: 1,
    hint: "Nothing of this migration was kept: it needs longer than the runner has. Run it with --long-run, or with --url from inside the network.",
  },
  "migrate.step-changed": {
    exitCode: 1,
    hint: "Restore what has run already, and put the change behind it or in a new migration.",
  },
  "migrations.unnamed-index": {
    exitCode: 2,
    hint: "Give the index a name: only then can what a failed build leaves be found and built anew.",
  },
  "plan.mismatch": {
    exitCode: 1,
    hint: "Something changed since it was read: run `postern plan` again, read it, and approve that one.",
  },
  "plan.unapproved": {
    exitCode: 1,
    hint: "Read it with `postern plan`, then run migrate with --approve and the hash of that plan.",
  },
  "rehearsal.failed": { exitCode: 1, hint: "Nothing was kept. Mend the migration, then rehearse it again." },
  "push.protected": {
    exitCode: 1,
    hint: "Change its schema with migrations: `npm run generate`, read the SQL, then `postern migrate`.",
  },
  "push.data-loss": {
    exitCode: 1,
    hint: "Nothing was changed. If those data may go, run it again with --accept-data-loss.",
  },
  "push.unmanaged-data": {
    exitCode: 1,
    hint: "Nothing was changed. Give the new column a default, or add it and fill it in a migration.",
  },
  "push.blocked": {
    exitCode: 1,
    hint: "Nothing was changed. End what blocks it, or push again when it is over.",
  },
  "push.deadline": {
    exitCode: 1,
    hint: "Nothing was changed: it needs longer than the runner has. Push with --url, from where the database can be reached.",
  },
  "push.ambiguous": {
    exitCode: 1,
    hint: "Nothing was changed. Declare renames in renames.json beside the schema file; what is no rename, push in two steps.",
  },
  "push.casing": { exitCode: 1, hint: 'Give the columns their names in the schema file: text("first_name").' },
  "push.outside-transaction": {
    exitCode: 1,
    hint: "Nothing was changed. Put it in a migration, or take it out of the schema file.",
  },
  "push.unsupported": {
    exitCode: 1,
    hint: "Nothing was changed. Put it in a migration: `npm run generate`, then `postern migrate`.",
  },
  "push.invalid-schema": { exitCode: 2, hint: "Name the file that exports the tables with --schema." },
  "push.invalid-renames": { exitCode: 2, hint: undefined },
  "push.failed": { exitCode: 2, hint: "Nothing was changed. Mend it, then push again." },
  "deploy.unfinished": {
    exitCode: 1,
    hint: "Deploy again: it goes on where this one stopped.",
  },
  "setup.would-reset": {
    exitCode: 1,
    hint: "Name the file that has them, or add --reset-passwords: whoever uses the present ones is then locked out.",
  },
  "lock.held": {
    exitCode: 1,
    hint: "Wait longer with --lock-wait, or end that run: migrate has --cancel with its id, and --steal-lock.",
  },
  "seed.unknown-set": { exitCode: 2, hint: "Sets are the folders below migrations/seeds." },
  "seed.invalid-file": { exitCode: 2, hint: undefined },
  "seed.failed": { exitCode: 2, hint: "Nothing of this batch was kept; mend the row, then run seed again." },
  "seed.deadline": {
    exitCode: 1,
    hint: "What was committed is kept: run seed again, and it goes on there. A SQL file begins anew: --long-run gives it all the time it needs.",
  },
  "run.unknown": { exitCode: 2, hint: "The function's log tells why the run did not start." },
  "run.cancelled": { exitCode: 1, hint: "What it had committed is kept: see `postern status`." },
  "run.lease-lost": { exitCode: 2, hint: "The other run goes on. See `postern status` for what is applied." },
  "run.lost": { exitCode: 2, hint: "What it had committed is kept: look with `postern status`, then run it again." },

  // AWS
  "aws.credentials": { exitCode: 2, hint: "Sign in (`aws sso login`), or set AWS_PROFILE." },
  "aws.permission": { exitCode: 2, hint: "Ask for the policy that covers this call." },
  "aws.clock-skew": { exitCode: 2, hint: "Set this machine's clock: AWS takes signatures within five minutes." },
  "aws.failed": { exitCode: 2, hint: undefined },
  "secret.missing": {
    exitCode: 2,
    hint: "Run `postern setup`, which makes the first passwords; if the secret itself is not there, deploy the stage again.",
  },
  "secret.invalid": { exitCode: 2, hint: "Expected JSON with `username` and `password`." },
  "lambda.failed": { exitCode: 2, hint: "The function's log has the details." },
  "lambda.missing": {
    exitCode: 2,
    hint: "Check account and region; where the function is really gone, run `npx sst refresh` and `npx sst deploy` for the stage.",
  },

  // The tunnel
  "tunnel.max-retries": { exitCode: 2, hint: "Raise --max-retries, or leave it out to try for ever." },
  "tunnel.running": { exitCode: 1, hint: "Use the one that is running, or stop it with `postern ssm-tunnel stop`." },
  "tunnel.not-running": { exitCode: 1, hint: "See `postern ssm-tunnel list` for those that are." },
  "psql.missing": { exitCode: 2, hint: "Install PostgreSQL's client programs, or name psql with --psql." },

  // Mending a stage's network
  "repair.changed": {
    exitCode: 1,
    hint: "Run it without --yes and --approve: it shows the plan of what there is now.",
  },
  "repair.unapproved": {
    exitCode: 1,
    hint: "Run it without --yes, read the plan, then run it with --approve and the hash of that plan.",
  },
  "repair.failed": { exitCode: 2, hint: "What was done stays. Run it again: it goes on from there." },

  // Session Manager
  "ssm.target-missing": { exitCode: 2, hint: "Check the instance id and the region." },
  "ssm.bastion-stopped": { exitCode: 2, hint: "Start the instance, then run this again." },
  "ssm.agent-offline": {
    exitCode: 2,
    hint: "The agent on the bastion does not answer: reboot the instance, or see `postern doctor`.",
  },
  "ssm.document-missing": { exitCode: 2, hint: "Deploy the stage again, or name another document." },
  "ssm.session-limit": { exitCode: 2, hint: "End sessions that nobody needs, wait a minute, then run this again." },
  "ssm.refused": { exitCode: 2, hint: "The bastion reached no PostgreSQL there: check host, port and security group." },
  "ssm.host-unresolved": { exitCode: 2, hint: "The bastion does not know that host name: check it." },
  "ssm.no-answer": {
    exitCode: 2,
    hint: "The bastion's connection to the database gets no answer: check the host, and the database's security group.",
  },
  "ssm.handshake": { exitCode: 2, hint: "The agent on the bastion did not begin: try again, or reboot the instance." },
  "ssm.session-ended": { exitCode: 2, hint: "Somebody, or a limit of the account, ended it: start another." },
  "ssm.lost": { exitCode: 2, hint: "The connection to Session Manager is gone: check the network." },
  "ssm.protocol": { exitCode: 2, hint: "Try `--engine plugin`, and please report it." },
  "ssm.plugin-missing": {
    exitCode: 2,
    hint: "Install AWS's session-manager-plugin, or leave out --engine plugin.",
  },
  "ssm.plugin-failed": { exitCode: 2, hint: undefined },

  // SSH
  "ssh.auth": { exitCode: 2, hint: "Check the user, and that the server knows this key." },
  "ssh.passphrase": { exitCode: 2, hint: "The key is encrypted: give its passphrase, or add it to the agent." },
  "ssh.key-format": { exitCode: 2, hint: "Expected an RSA, Ed25519 or ECDSA private key (OpenSSH, PEM or PKCS#8)." },
  "ssh.key-missing": { exitCode: 2, hint: "Name the private key's file, or add it to the agent." },
  "ssh.key-permissions": { exitCode: 2, hint: "Others may read the private key: chmod 600 on it." },
  "ssh.host-key-changed": {
    exitCode: 2,
    hint: "If the server was replaced, take its old line out of known_hosts (`ssh-keygen -R HOST`); else somebody is in between.",
  },
  "ssh.host-key-unknown": { exitCode: 2, hint: "Add the server's key to known_hosts after comparing its fingerprint." },
  "ssh.forbidden": { exitCode: 2, hint: "The server does not allow forwarding: AllowTcpForwarding, PermitOpen." },
  "ssh.refused": { exitCode: 2, hint: "The server reached no PostgreSQL there: check host, port and security group." },
  "ssh.no-answer": {
    exitCode: 2,
    hint: "The server's connection to the database gets no answer: check the host, and the database's security group.",
  },
  "ssh.host-unresolved": { exitCode: 2, hint: "The server does not know that host name: check it." },
  "ssh.lost": { exitCode: 2, hint: "The SSH connection is gone: check the network." },
  "ssh.failed": { exitCode: 2, hint: undefined },

  aborted: { exitCode: 130, hint: undefined },
  internal: { exitCode: 2, hint: "This is a defect in Postern: please report it with the command that led here." },
} as const satisfies Record<string, { exitCode: number; hint: string | undefined }>;

export type ErrorCode = keyof typeof errorTable;

/** What the command line and the functions print of an error: never a stack, never a secret. */
export type ErrorDocument = {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  /** The server's five-character code, where PostgreSQL refused. */
  readonly sqlState?: string;
};

export type PosternErrorOptions = {
  /** Replaces the table's hint for this code. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  readonly sqlState?: string | undefined;
};

export class PosternError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly sqlState: string | undefined;

  constructor(code: ErrorCode, message: string, options: PosternErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "PosternError";
    this.code = code;
    this.hint = options.hint ?? errorTable[code].hint;
    this.sqlState = options.sqlState;
  }

  /** The exit code that a shell sees when this error ends a command. */
  get exitCode(): number {
    return errorTable[this.code].exitCode;
  }

  toDocument(): ErrorDocument {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.sqlState === undefined ? {} : { sqlState: this.sqlState }),
    };
  }

  /** Brings back an error that crossed a process boundary; an unknown code becomes `internal`. */
  static fromDocument(document: { code: string; message: string; hint?: string; sqlState?: string }): PosternError {
    const code = isErrorCode(document.code) ? document.code : "internal";
    return new PosternError(code, document.message, { hint: document.hint, sqlState: document.sqlState });
  }
}

/** Anything thrown, as the one error of this project; what was not foreseen becomes `internal`. */
export function toPosternError(error: unknown): PosternError {
  if (error instanceof PosternError) return error;
  if (error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError")) {
    return new PosternError("aborted", "Stopped before it was done.", { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT")) {
    const hint = "Free some space on the disk that is full: of the data folder, of your home folder, or of TMPDIR.";
    return new PosternError("data.unwritable", message, { hint, cause: error });
  }
  return new PosternError("internal", message, { cause: error });
}

/** True for a code of the closed union. */
function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}
