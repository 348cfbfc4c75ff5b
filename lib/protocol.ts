import type { HistoryCode, RotatableRole } from "./contract.ts";

/**
 * What the functions are asked and what they reply, which is also what the commands print with `--json`. Other people's scripts
 * rely on these shapes: changing one is a breaking change, adding to one is not.
 */

/**
 * Events of the runner function. `migrate`, `baseline`, `push` and `seed` are queued, and their outcome is in the ledger under `runId`; `setup` and
 * `rotate` are waited for, and only the function's log has them: they run as the master, who has no part in the ledger.
 */
export type RunnerEvent =
  | { readonly action: "setup"; readonly runId: string; readonly requestedBy: string }
  | {
      readonly action: "rotate";
      readonly runId: string;
      readonly requestedBy: string;
      readonly role: RotatableRole;
    }
  | {
      readonly action: "migrate";
      readonly runId: string;
      readonly requestedBy: string;
      readonly migrationsHash?: string;
      /** Hash of the plan that was read and approved: no other may run. */
      readonly approve?: string;
      /** How long to wait for another run to end, in milliseconds. */
      readonly lockWaitMs?: number;
      /** How long a statement may queue for a lock, in milliseconds. */
      readonly lockTimeoutMs?: number;
      /** Danger: ends the run that holds the lock. */
      readonly stealLock?: boolean;
      /** Findings that are let be. */
      readonly allow?: readonly HistoryCode[];
    }
  | {
      readonly action: "baseline";
      readonly runId: string;
      readonly requestedBy: string;
      readonly migrationsHash?: string;
      /** The last migration that the database has already. */
      readonly tag: string;
      /** How long to wait for another run to end, in milliseconds. */
      readonly lockWaitMs?: number;
      /** Danger: ends the run that holds the lock. */
      readonly stealLock?: boolean;
      readonly allow?: readonly HistoryCode[];
    }
  | {
      readonly action: "rehearse";
      readonly runId: string;
      readonly requestedBy: string;
      readonly migrationsHash?: string;
      readonly allow?: readonly HistoryCode[];
    }
  | {
      readonly action: "seed";
      readonly runId: string;
      readonly requestedBy: string;
      readonly set: string;
      /** `s3://bucket/folder` that holds the sets; absent: the bundle's own. */
      readonly from?: string;
    }
  | {
      readonly action: "push";
      readonly runId: string;
      readonly requestedBy: string;
      readonly schemaHash?: string;
      /** Danger: what loses data runs too. */
      readonly acceptDataLoss?: boolean;
      readonly dryRun?: boolean;
      /** How long a statement may queue for a lock, in milliseconds. */
      readonly lockTimeoutMs?: number;
    };

/** Events of the inspect function (synchronous). */
export type InspectEvent =
  | { readonly action: "status" }
  | { readonly action: "plan" }
  | { readonly action: "progress"; readonly runId: string }
  | {
      readonly action: "cancel";
      readonly runId: string;
      readonly requestedBy: string;
      /** Action of a run that was queued and may not have begun: then it is recorded as cancelled, and never begins. */
      readonly unbegun?: RunnerEvent["action"];
    }
  /** The doctor's probes, from inside the VPC. */
  | { readonly action: "probe" };

/** A connection that keeps another waiting for a lock. */
export type Blocker = {
  readonly pid: number;
  readonly applicationName?: string;
  /** As in `pg_stat_activity`: `active`, `idle in transaction`. */
  readonly state?: string;
  readonly transactionMs?: number;
  /** Its present or last statement with `…` for each value, the first 200 characters; absent where this role may not see it. */
  readonly query?: string;
};

/** Where a run stands. */
export type RunProgress = {
  /** What is under way: the tag of a migration, a seed file. */
  readonly what: string;
  /** Which of how many, from 1. */
  readonly migration?: { readonly n: number; readonly of: number };
  readonly statement?: { readonly n: number; readonly of: number };
  readonly rows?: number;
  /** Who keeps it waiting for a lock. */
  readonly blockedBy?: readonly Blocker[];
};

/** The inspect function's reply to `progress` and to `cancel`. */
export type ProgressResult = {
  readonly runId: string;
  /** `unknown`: not (yet) begun. `lost`: it began, did not end, and its connection is gone. */
  readonly state: "unknown" | "running" | "ended" | "lost";
  /** What the run does: `migrate`, `seed`… Absent when it is unknown. */
  readonly action?: string;
  /** What it last told of itself while it was running. */
  readonly progress?: RunProgress;
  /** What the command prints: present when the run ended with a result. */
  readonly result?: unknown;
  /** Present when it ended without one. */
  readonly error?: ErrorReply["error"];
};

/** Reply of every function to a direct Invoke that failed in a foreseen way. */
export type ErrorReply = {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly sqlState?: string;
  };
};

/** `postern migrate --json`. */
export type MigrateResult = {
  readonly status: "applied" | "up-to-date" | "partial" | "refused" | "failed";
  /** Tags applied by this run, in order. */
  readonly applied: readonly string[];
  /** Tags still to be applied after it. */
  readonly pending: readonly string[];
  readonly runId: string;
  readonly ms: number;
  /** Of `--baseline`: tags that were recorded as applied without being run. */
  readonly baselined?: readonly string[];
  /** Run that `--steal-lock` ended to make room for this one. */
  readonly stoleFrom?: string;
  /** Of a run of an approved plan that is `partial`, or failed with `migrate.deadline`: the hash of the rest, which that approval covers. */
  readonly planHash?: string;
  /** Of a `partial` run that was cut off within a migration: what took the time. */
  readonly cutOff?: string;
  /** Of a run that applied something: what the schema is like now. */
  readonly after?: AfterRun;
  readonly error?: ErrorReply["error"];
};

/** What a run has left behind: `lib/migrate/after-run` says what each part means. */
export type AfterRun = {
  /** SHA-256 (hex) over a description of the schema: equal where the schema is. */
  readonly fingerprint: string;
  readonly findings: readonly AfterRunFinding[];
};

export type AfterRunFinding = {
  readonly code: "index.invalid" | "constraint.not-validated" | "sequence.behind" | "sequence.unchecked";
  /** Name with its schema, quoted where SQL needs it; of a constraint: its table and its name. */
  readonly object: string;
  /** With the statement that settles it. */
  readonly message: string;
};

/** `postern status --json`. */
export type StatusResult = {
  /** `at` is ISO 8601. */
  readonly applied: readonly { readonly tag: string; readonly at: string }[];
  readonly pending: readonly string[];
  /** Pending migrations of which a run that failed has done some statements; absent where there are none. */
  readonly halfApplied?: readonly { readonly tag: string; readonly statements: number }[];
  readonly findings: readonly { readonly code: string; readonly tag?: string; readonly message: string }[];
};

/** What may go wrong with a statement of a plan. */
export type PlannedHazard = {
  readonly code: string;
  /** `danger`: can stop the application or lose data. */
  readonly severity: "danger" | "warning" | "notice";
  /** Schema and name. */
  readonly table?: string;
  readonly message: string;
  /** Line of the file, from 1. */
  readonly line: number;
  /** Data is gone afterwards, or may be: a protected stage wants `--approve`. */
  readonly destructive: boolean;
};

/** One statement of a plan. */
export type PlannedStatement = {
  readonly line: number;
  /** Its first 200 characters; a remark in their place where it may hold a password. */
  readonly sql: string;
  /** An earlier run has done it: it is not run again, and has neither locks nor hazards. */
  readonly done?: boolean;
  /** Why it runs outside a transaction; absent where it can run in one. */
  readonly outsideTransaction?: string;
  /** On tables that exist already, `mode` as in `pg_locks` but spelled out: `ACCESS EXCLUSIVE`. */
  readonly locks: readonly {
    readonly table: string;
    readonly mode: string;
    readonly work: "none" | "scan" | "build" | "rewrite";
  }[];
};

export type PlannedMigration = {
  readonly tag: string;
  /** True: one transaction. False: statement by statement. */
  readonly transactional: boolean;
  readonly statements: number;
  readonly hazards: readonly PlannedHazard[];
  readonly steps: readonly PlannedStatement[];
};

/** `postern plan --json`, and the inspect function's reply to `plan`. */
export type PlanResult = {
  readonly pending: readonly PlannedMigration[];
  /** As in `status`: what must be settled before anything is applied. */
  readonly findings: StatusResult["findings"];
  readonly destructive: boolean;
  /** SHA-256 (hex) over what would run, on which history. */
  readonly planHash: string;
};

/** `postern plan --rehearse --json`. */
export type RehearsalResult = {
  /** `partial`: nothing failed, but not everything can be rehearsed. */
  readonly status: "passed" | "partial" | "failed" | "refused";
  readonly migrations: readonly RehearsedMigration[];
  readonly planHash: string;
  readonly runId: string;
  readonly ms: number;
  readonly error?: ErrorReply["error"];
};

export type RehearsedMigration = {
  readonly tag: string;
  readonly outcome: "passed" | "failed" | "skipped" | "not-reached";
  /** Why it was skipped. */
  readonly reason?: string;
  readonly ms: number;
  readonly statements: readonly {
    readonly line: number;
    readonly ms: number;
    /** Taken by this statement, on tables that were there before. */
    readonly locks: readonly { readonly table: string; readonly mode: string }[];
    /** Tables and indexes whose file is another one afterwards. */
    readonly rewritten: readonly string[];
  }[];
};

/** `postern seed --json`. */
export type SeedResult = {
  readonly set: string;
  /** `rows`: in the set's files; `inserted`: new in the table (the others were there). */
  readonly tables: readonly {
    readonly table: string;
    readonly rows: number;
    readonly inserted: number;
    readonly ms: number;
    /** Left out because a row before them in the same file has their key; absent where there are none. */
    readonly repeated?: {
      readonly rows: number;
      /** Where the first of them stands: `demo/20-products.csv line 9`. */
      readonly first: string;
    };
  }[];
  /** Absent in a set without SQL. `ran`: false where it had run already, as it is. */
  readonly scripts?: readonly { readonly file: string; readonly ran: boolean; readonly ms: number }[];
  /** Of a run that inserted something: what the schema is like now. */
  readonly after?: AfterRun;
};

/** `postern setup --json`. */
export type SetupResult = {
  readonly roles: readonly {
    readonly role: string;
    readonly created: boolean;
    readonly login: "password" | "iam" | "none";
  }[];
  readonly findings: readonly { readonly code: string; readonly message: string }[];
};

/**
 * The runner's reply to a deploy. It lands in the deploy's state, where a difference counts as a change: no times in it, nothing
 * that only the first of two deploys sees, and no secret.
 */
export type DeployResult = {
  /** How each role logs in. */
  readonly roles: Readonly<Record<string, SetupResult["roles"][number]["login"]>>;
  /** The run that brought the database to this bundle's migrations, by this deploy or an earlier one. */
  readonly migrate?: {
    readonly runId: string;
    readonly status: "applied" | "up-to-date";
    readonly applied: readonly string[];
  };
  readonly seed?: { readonly runId: string; readonly set: string };
};

/** `postern health --json`, and the health function's reply to a direct Invoke. */
export type HealthReport = {
  readonly status: "ok" | "degraded" | "down";
  readonly service: string;
  readonly stage: string;
  /** ISO 8601. */
  readonly time: string;
  readonly database: {
    readonly ok: boolean;
    /** Code of the closed error union when it is not ok. */
    readonly reason?: string;
    readonly latencyMs?: number;
    /** For instance `TLSv1.3`; `none` on a plain connection. */
    readonly tls?: string;
    readonly serverVersion?: string;
    /** How this connection gets there. */
    readonly connection: "direct" | "tunnel";
    readonly pool?: { readonly total: number; readonly idle: number; readonly waiting: number };
  };
  readonly migrations: { readonly applied: number; readonly pending: number } | null;
};

/** `postern doctor --json`. */
export type DoctorReport = {
  readonly verdict: DoctorVerdict;
  readonly probes: readonly ProbeReport[];
  readonly ms: number;
  /** With `--url`: where TLS settings are the trouble, or prove less than they could, those that work as far as the handshake. */
  readonly connection?: ConnectionAdvice;
};

export type ConnectionAdvice = {
  readonly sslMode: "disable" | "verify-ca" | "verify-full";
  /** Whom to trust: Node's and the system's roots, RDS's, those of --ca, the server's own certificate, nobody. */
  readonly trust: "system" | "rds" | "given" | "own" | "none";
  /** One or two sentences: what to do, and where the file comes from. */
  readonly text: string;
  /** For psql and this program alike; FILE stands for a file that has to be made. No password. */
  readonly url: string;
};

/** The inspect function's reply to `probe`: the walk to the instance, and beside it the one to the proxy, where the stage has one. */
export type InsideReport = DoctorReport & { readonly proxy?: DoctorReport };

export type DoctorVerdict = {
  /** One of `lib/doctor/verdicts.ts`. */
  readonly code: string;
  readonly summary: string;
  readonly fix: string;
  /** What proves it. Absent for `ok`. */
  readonly evidence?: string;
  /** Where the code is `ambiguous`: the causes that fit, the likeliest first, and what would settle each. */
  readonly ranked?: readonly { readonly code: string; readonly settle: string }[];
};

export type ProbeReport = {
  readonly name: string;
  /** `here`: where the command runs. `vpc`: the inspect function. `aws`: AWS's control plane. */
  readonly vantage: "here" | "vpc" | "aws";
  /** Which of two the walk went to; absent where there is one. */
  readonly to?: "database" | "proxy";
  readonly ok: boolean;
  /** Of a step that passed: what will not be well for long, or was so only the second time. */
  readonly warning?: string;
  readonly ms: number;
  readonly detail: string;
};
