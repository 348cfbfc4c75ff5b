import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import type {
  HealthReport,
  InsideReport,
  MigrateResult,
  PlanResult,
  ProgressResult,
  RehearsalResult,
  SeedResult,
  SetupResult,
  StatusResult,
} from "#lib/protocol.ts";
import type { RotateResult } from "#lib/migrate/roles/rotate.ts";
import { errorDocumentSchema } from "./error-reply.ts";
import type { PushResult } from "#lib/migrate/push/result.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const tags = v.array(v.string());

const nOfM = v.object({ n: count, of: count });

const blockerSchema = v.object({
  pid: count,
  applicationName: v.exactOptional(v.string()),
  state: v.exactOptional(v.string()),
  transactionMs: v.exactOptional(v.number()),
  query: v.exactOptional(v.string()),
});

const runProgressSchema = v.object({
  what: v.string(),
  migration: v.exactOptional(nOfM),
  statement: v.exactOptional(nOfM),
  rows: v.exactOptional(count),
  blockedBy: v.exactOptional(v.array(blockerSchema)),
});

const progressSchema = v.object({
  runId: v.string(),
  state: v.picklist(["unknown", "running", "ended", "lost"]),
  action: v.exactOptional(v.string()),
  progress: v.exactOptional(runProgressSchema),
  result: v.exactOptional(v.unknown()),
  error: v.exactOptional(errorDocumentSchema),
});

const afterSchema = v.object({
  fingerprint: v.string(),
  findings: v.array(
    v.object({
      code: v.picklist(["index.invalid", "constraint.not-validated", "sequence.behind", "sequence.unchecked"]),
      object: v.string(),
      message: v.string(),
    }),
  ),
});

const migrateSchema = v.object({
  status: v.picklist(["applied", "up-to-date", "partial", "refused", "failed"]),
  applied: tags,
  pending: tags,
  runId: v.string(),
  ms: v.number(),
  planHash: v.exactOptional(v.string()),
  cutOff: v.exactOptional(v.string()),
  after: v.exactOptional(afterSchema),
  baselined: v.exactOptional(tags),
  stoleFrom: v.exactOptional(v.string()),
  error: v.exactOptional(errorDocumentSchema),
});

const statusSchema = v.object({
  applied: v.array(v.object({ tag: v.string(), at: v.string() })),
  pending: tags,
  halfApplied: v.exactOptional(v.array(v.object({ tag: v.string(), statements: count }))),
  findings: v.array(v.object({ code: v.string(), tag: v.exactOptional(v.string()), message: v.string() })),
});

const hazardEntries = {
  code: v.string(),
  severity: v.picklist(["danger", "warning", "notice"]),
  table: v.exactOptional(v.string()),
  message: v.string(),
  destructive: v.boolean(),
};

const planSchema = v.object({
  pending: v.array(
    v.object({
      tag: v.string(),
      transactional: v.boolean(),
      statements: count,
      hazards: v.array(v.object({ ...hazardEntries, line: count })),
      steps: v.array(
        v.object({
          line: count,
          sql: v.string(),
          done: v.exactOptional(v.boolean()),
          outsideTransaction: v.exactOptional(v.string()),
          locks: v.array(
            v.object({ table: v.string(), mode: v.string(), work: v.picklist(["none", "scan", "build", "rewrite"]) }),
          ),
        }),
      ),
    }),
  ),
  findings: statusSchema.entries.findings,
  destructive: v.boolean(),
  planHash: v.string(),
});

const rehearsalSchema = v.object({
  status: v.picklist(["passed", "partial", "failed", "refused"]),
  migrations: v.array(
    v.object({
      tag: v.string(),
      outcome: v.picklist(["passed", "failed", "skipped", "not-reached"]),
      reason: v.exactOptional(v.string()),
      ms: v.number(),
      statements: v.array(
        v.object({
          line: count,
          ms: v.number(),
          locks: v.array(v.object({ table: v.string(), mode: v.string() })),
          rewritten: v.array(v.string()),
        }),
      ),
    }),
  ),
  planHash: v.string(),
  runId: v.string(),
  ms: v.number(),
  error: v.exactOptional(errorDocumentSchema),
});

const pushSchema = v.object({
  status: v.picklist(["pushed", "up-to-date", "planned", "refused", "failed"]),
  statements: v.array(v.object({ sql: v.string(), hazards: v.array(v.object(hazardEntries)), executed: v.boolean() })),
  reemitted: v.array(v.string()),
  unmanaged: v.array(v.string()),
  findings: v.array(v.object({ code: v.string(), message: v.string() })),
  runId: v.string(),
  ms: v.number(),
  after: v.exactOptional(afterSchema),
  error: v.exactOptional(errorDocumentSchema),
});

const seedSchema = v.object({
  set: v.string(),
  tables: v.array(
    v.object({
      table: v.string(),
      rows: count,
      inserted: count,
      ms: v.number(),
      repeated: v.exactOptional(v.object({ rows: count, first: v.string() })),
    }),
  ),
  scripts: v.exactOptional(v.array(v.object({ file: v.string(), ran: v.boolean(), ms: v.number() }))),
  after: v.exactOptional(afterSchema),
});

const setupSchema = v.object({
  roles: v.array(v.object({ role: v.string(), created: v.boolean(), login: v.picklist(["password", "iam", "none"]) })),
  findings: v.array(v.object({ code: v.string(), message: v.string() })),
});

const rotateSchema = v.object({ role: v.string(), versionId: v.string() });

const healthSchema = v.object({
  status: v.picklist(["ok", "degraded", "down"]),
  service: v.string(),
  stage: v.string(),
  time: v.string(),
  database: v.object({
    ok: v.boolean(),
    reason: v.exactOptional(v.string()),
    latencyMs: v.exactOptional(v.number()),
    tls: v.exactOptional(v.string()),
    serverVersion: v.exactOptional(v.string()),
    connection: v.picklist(["direct", "tunnel"]),
    pool: v.exactOptional(v.object({ total: count, idle: count, waiting: count })),
  }),
  migrations: v.nullable(v.object({ applied: count, pending: count })),
});

/**
 * What the functions of a stage reply, checked where it comes in: the deployed functions may be older or newer than
 * this command line. Each throws PosternError `lambda.failed` for a reply of another shape.
 */
const doctorEntries = {
  verdict: v.object({
    code: v.string(),
    summary: v.string(),
    fix: v.string(),
    evidence: v.exactOptional(v.string()),
    ranked: v.exactOptional(v.array(v.object({ code: v.string(), settle: v.string() }))),
  }),
  probes: v.array(
    v.object({
      name: v.string(),
      vantage: v.picklist(["here", "vpc", "aws"]),
      to: v.exactOptional(v.picklist(["database", "proxy"])),
      ok: v.boolean(),
      warning: v.exactOptional(v.string()),
      ms: v.number(),
      detail: v.string(),
    }),
  ),
  ms: v.number(),
};
const insideSchema = v.object({ ...doctorEntries, proxy: v.exactOptional(v.object(doctorEntries)) });

export const replies = {
  progress: (reply: unknown): ProgressResult => parseReply(progressSchema, reply),
  migrate: (reply: unknown): MigrateResult => parseReply(migrateSchema, reply),
  status: (reply: unknown): StatusResult => parseReply(statusSchema, reply),
  plan: (reply: unknown): PlanResult => parseReply(planSchema, reply),
  rehearsal: (reply: unknown): RehearsalResult => parseReply(rehearsalSchema, reply),
  push: (reply: unknown): PushResult => parseReply(pushSchema, reply),
  seed: (reply: unknown): SeedResult => parseReply(seedSchema, reply),
  setup: (reply: unknown): SetupResult => parseReply(setupSchema, reply),
  rotate: (reply: unknown): RotateResult => parseReply(rotateSchema, reply),
  health: (reply: unknown): HealthReport => parseReply(healthSchema, reply),
  probe: (reply: unknown): InsideReport => parseReply(insideSchema, reply),
} as const;

function parseReply<Schema extends v.GenericSchema>(schema: Schema, reply: unknown): v.InferOutput<Schema> {
  return parseInput(schema, reply, {
    what: "The function's reply",
    code: "lambda.failed",
    hint: "The deployed functions may be of another version than this command line: deploy the stage again.",
  });
}
