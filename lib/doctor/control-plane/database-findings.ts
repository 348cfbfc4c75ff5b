import type { Manifest } from "#lib/contract.ts";
import { valueOf } from "#lib/control-plane/fact.ts";
import type { ControlPlaneFacts, ProxyFacts } from "#lib/control-plane/read-control-plane.ts";
import type { Finding } from "./finding.ts";

/**
 * In which nobody is answered; in the others, as `backing-up` or `modifying`, the instance is up.
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html#Overview.DBInstance.Status
 */
const downStatuses: ReadonlySet<string> = new Set([
  "creating",
  "deleting",
  "delete-precheck",
  "failed",
  "inaccessible-encryption-credentials",
  "inaccessible-encryption-credentials-recoverable",
  "incompatible-network",
  "incompatible-option-group",
  "incompatible-parameters",
  "incompatible-restore",
  "insufficient-capacity",
  "maintenance",
  "rebooting",
  "restore-error",
  "starting",
  "stopped",
  "stopping",
  "storage-full",
  "upgrading",
]);

const fixes: Readonly<Record<string, string>> = {
  stopped: "Start the instance (`aws rds start-db-instance`), then wait some minutes.",
  "storage-full": "Give the instance more storage: `database.storageGb`, then deploy.",
  "inaccessible-encryption-credentials": "Give RDS access to the instance's KMS key again; then restore from a backup.",
  "inaccessible-encryption-credentials-recoverable":
    "Give RDS access to the instance's KMS key again, then start the instance.",
};
const waiting: ReadonlySet<string> = new Set([
  "creating",
  "maintenance",
  "rebooting",
  "starting",
  "stopping",
  "upgrading",
]);

/** What RDS says of the database and its proxy, as findings. Pure. */
export function judgeDatabase(manifest: Manifest, facts: ControlPlaneFacts): readonly Finding[] {
  return [...judgeInstance(manifest, facts), ...(facts.proxy === undefined ? [] : judgeProxy(manifest, facts.proxy))];
}

function judgeInstance({ database: { instanceId } }: Manifest, { database, events }: ControlPlaneFacts): Finding[] {
  if (database.kind === "unknown") return [];
  const unavailable = { code: "aws.database-unavailable", probe: "database" } as const;
  if (database.value === undefined) {
    const evidence = `RDS knows no instance ${instanceId} in this region and account`;
    const fix = "Check region and account; else restore it from a snapshot, and deploy.";
    return [{ ...unavailable, evidence, fix, breaks: ["database"] }];
  }
  const { status } = database.value;
  if (!downStatuses.has(status)) return [];
  const newest = valueOf(events)?.[0];
  const lately = newest === undefined ? "" : `; RDS at ${newest.at.toISOString()}: ${newest.message}`;
  const fix = fixes[status] ?? (waiting.has(status) ? "Wait until it is available, then run this again." : undefined);
  return [
    {
      ...unavailable,
      evidence: `the instance ${instanceId} is ${status}, not available${lately}`,
      ...(fix === undefined ? {} : { fix }),
      breaks: status === "storage-full" ? ["database", "writes"] : ["database"],
    },
  ];
}

function judgeProxy({ proxy }: Manifest, { itself, targets, secrets }: ProxyFacts): Finding[] {
  const name = proxy?.name ?? "";
  return [
    ...secrets.flatMap(({ owner, state }) => {
      const isWell = state.kind === "unknown" || state.value === "there";
      return isWell ? [] : [judgeSecret(name, owner, state.value)];
    }),
    ...(itself.kind === "unknown" || itself.value?.status === "available"
      ? []
      : [judgeStatus(name, itself.value?.status)]),
    ...(valueOf(targets) ?? [])
      .filter(({ state }) => state !== "AVAILABLE")
      .map((target): Finding => {
        const reason = [target.reason, target.description].filter((text) => text !== undefined).join(": ");
        return {
          code: "aws.proxy-target",
          probe: "proxy-target",
          evidence: `the proxy ${name} says that its target ${target.id} is ${target.state}${reason === "" ? "" : ` (${reason})`}`,
          breaks: ["proxy"],
        };
      }),
    ...(itself.kind === "known" && targets.kind === "known" && targets.value.length === 0 && itself.value !== undefined
      ? [noTarget(name)]
      : []),
  ];
}

function judgeSecret(proxy: string, owner: string, state: string): Finding {
  const words: Readonly<Record<string, string>> = {
    missing: "does not exist",
    "being-deleted": "is being deleted",
    "without-value": "has no value",
  };
  return {
    code: "proxy.missing-secret",
    probe: "proxy-secrets",
    evidence: `the secret of the role ${owner}, with which the proxy ${proxy} logs in, ${words[state] ?? state}`,
    fix:
      state === "without-value"
        ? "Run `postern setup`, which makes the first passwords."
        : "Refresh and deploy the stage (`npx sst refresh`, `npx sst deploy`), then run `postern setup`.",
    breaks: ["proxy"],
  };
}

function judgeStatus(name: string, status: string | undefined): Finding {
  const evidence =
    status === undefined ? `RDS knows no proxy ${name}` : `the proxy ${name} is ${status}, not available`;
  return { code: "aws.proxy-target", probe: "proxy", evidence, breaks: ["proxy"] };
}

function noTarget(name: string): Finding {
  const evidence = `the proxy ${name} has no target: nothing is behind it`;
  return {
    code: "aws.proxy-target",
    probe: "proxy-target",
    evidence,
    fix: "Refresh and deploy the stage (`npx sst refresh`, `npx sst deploy`).",
    breaks: ["proxy"],
  };
}
