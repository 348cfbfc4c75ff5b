import * as v from "valibot";
import { type DeployEvent, historyOverrides, type HistoryCode, rotatableRoles } from "#lib/contract.ts";
import type { InspectEvent, RunnerEvent } from "#lib/protocol.ts";
import { parseInput } from "#lib/base/config.ts";

/** A run id goes into `application_name`, which PostgreSQL cuts at 63 bytes. */
const runIdPattern = /^[A-Za-z0-9_-]{8,48}$/u;
const runId = v.pipe(v.string(), v.regex(runIdPattern, "expected 8 to 48 letters, digits, - or _"));
const requestedBy = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(256),
  v.regex(/^\P{Cc}*$/u, "expected no control characters"),
);

const milliseconds = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(24 * 3600 * 1000));

const lockTimeoutMs = v.pipe(milliseconds, v.minValue(1, "expected at least 1: 0 would wait for ever"));

const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u, "expected a SHA-256 in hex"));

const allow = v.array(v.picklist(Object.keys(historyOverrides) as HistoryCode[]));

const runnerEvent = v.variant("action", [
  v.strictObject({ action: v.literal("setup"), runId, requestedBy }),
  v.strictObject({
    action: v.literal("rotate"),
    runId,
    requestedBy,
    role: v.picklist(rotatableRoles),
  }),
  v.strictObject({
    action: v.literal("migrate"),
    runId,
    requestedBy,
    migrationsHash: v.exactOptional(sha256),
    approve: v.exactOptional(sha256),
    lockWaitMs: v.exactOptional(milliseconds),
    lockTimeoutMs: v.exactOptional(lockTimeoutMs),
    stealLock: v.exactOptional(v.boolean()),
    allow: v.exactOptional(allow),
  }),
  v.strictObject({
    action: v.literal("baseline"),
    runId,
    requestedBy,
    migrationsHash: v.exactOptional(sha256),
    tag: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
    lockWaitMs: v.exactOptional(milliseconds),
    stealLock: v.exactOptional(v.boolean()),
    allow: v.exactOptional(allow),
  }),
  v.strictObject({
    action: v.literal("rehearse"),
    runId,
    requestedBy,
    migrationsHash: v.exactOptional(sha256),
    allow: v.exactOptional(allow),
  }),
  v.strictObject({
    action: v.literal("seed"),
    runId,
    requestedBy,
    set: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
    from: v.exactOptional(v.pipe(v.string(), v.maxLength(1024), v.startsWith("s3://"))),
  }),
  v.strictObject({
    action: v.literal("push"),
    runId,
    requestedBy,
    schemaHash: v.exactOptional(sha256),
    acceptDataLoss: v.exactOptional(v.boolean()),
    dryRun: v.exactOptional(v.boolean()),
    lockTimeoutMs: v.exactOptional(lockTimeoutMs),
  }),
]);

const inspectEvent = v.variant("action", [
  v.strictObject({ action: v.literal("status") }),
  v.strictObject({ action: v.literal("plan") }),
  v.strictObject({ action: v.literal("progress"), runId }),
  v.strictObject({
    action: v.literal("cancel"),
    runId,
    requestedBy,
    unbegun: v.exactOptional(v.picklist(runnerEvent.options.map(({ entries }) => entries.action.literal))),
  }),
  v.strictObject({ action: v.literal("probe") }),
]);

/** @throws PosternError `event.invalid` with every problem */
export function parseRunnerEvent(event: unknown): RunnerEvent {
  return parseInput(runnerEvent, event, { what: "The event of the runner", code: "event.invalid" });
}

const deployEvent = v.pipe(
  v.strictObject({
    action: v.literal("deploy"),
    requestedBy,
    migrationsHash: v.exactOptional(sha256),
    seedsHash: v.exactOptional(sha256),
    migrate: v.exactOptional(v.boolean()),
    seed: v.exactOptional(v.pipe(v.string(), v.minLength(1), v.maxLength(64))),
    allow: v.exactOptional(allow),
  }),
  v.forward(
    v.check(
      ({ migrate, migrationsHash }) => migrate !== true || migrationsHash !== undefined,
      "expected the hash of the migrations that are to be applied",
    ),
    ["migrationsHash"],
  ),
  v.forward(
    v.check(
      ({ seed, seedsHash }) => seed === undefined || seedsHash !== undefined,
      "expected the hash of the seeds that are to be inserted",
    ),
    ["seedsHash"],
  ),
);

/** Whoever sends it must see a failure as one, also when the rest of the event is wrong. */
export function isDeployEvent(event: unknown): boolean {
  return typeof event === "object" && event !== null && "action" in event && event.action === "deploy";
}

/** @throws PosternError `event.invalid` with every problem */
export function parseDeployEvent(event: unknown): DeployEvent {
  return parseInput(deployEvent, event, { what: "The event of the deploy", code: "event.invalid" });
}

/** @throws PosternError `event.invalid` with every problem */
export function parseInspectEvent(event: unknown): InspectEvent {
  return parseInput(inspectEvent, event, { what: "The event of inspect", code: "event.invalid" });
}

export function isRunId(text: string): boolean {
  return runIdPattern.test(text);
}
