import { type HistoryCode, historyOverrides } from "#lib/contract.ts";
import type { PlannedHazard, PlannedMigration, PlannedStatement, PlanResult } from "#lib/protocol.ts";
import { describeFindings } from "./findings-report.ts";
import type { Style } from "../style.ts";

const maxSqlLength = 100;

/**
 * A plan for people: each migration, each statement with its line and its locks, each hazard below the statement that it
 * is about.
 */
export function describePlan(
  { pending, findings, destructive, planHash }: PlanResult,
  style: Style,
  allow: readonly HistoryCode[] = [],
): string {
  const problems = describeFindings(findings, style, allow);
  if (pending.length === 0) return [...problems, "nothing is pending"].join("\n");
  const approve = destructive ? `; on a protected stage: \`postern migrate --approve ${planHash}\`` : "";
  const isRefused = findings.some(({ code }) => !allow.some((one) => one === code));
  const flags = allow.map((code) => ` --${historyOverrides[code]}`).join("");
  const next = isRefused ? "" : `; apply with \`postern migrate${flags}\`${approve}`;
  return [
    ...pending.flatMap((migration) => [...describeMigration(migration, style), ""]),
    ...problems,
    `${pending.length} pending, ${describeCounts(pending, style)}${destructive ? `, ${style.bad("destructive")}` : ""}${next}`,
    `plan ${planHash}`,
  ].join("\n");
}

function describeMigration({ tag, transactional, steps, hazards }: PlannedMigration, style: Style): string[] {
  const count = `${steps.length} ${steps.length === 1 ? "statement" : "statements"}`;
  const how = transactional ? "in one transaction" : style.warn("not in a transaction: statement by statement");
  const lines = [`${style.strong(tag)}  ${style.dim(`${count},`)} ${transactional ? style.dim(how) : how}`];
  for (const [index, step] of steps.entries()) {
    lines.push(...describeStep(step, style));
    // Two statements may share a line; what is about it comes after the last of them.
    if (steps[index + 1]?.line === step.line) continue;
    lines.push(...hazards.filter(({ line }) => line === step.line).map((hazard) => describeHazard(hazard, style)));
  }
  return lines;
}

function describeStep(
  { line, sql, done = false, locks, outsideTransaction }: PlannedStatement,
  style: Style,
): string[] {
  const text = sql.replaceAll(/\s+/g, " ");
  const shown = text.length > maxSqlLength ? `${text.slice(0, maxSqlLength - 1)}…` : text;
  return [
    `  ${style.dim(`${line}:`)} ${shown}`,
    ...(done ? [style.dim("     done in an earlier run")] : []),
    ...(outsideTransaction === undefined ? [] : [style.dim(`     outside a transaction: ${outsideTransaction}`)]),
    ...locks.map(({ table, mode, work }) => style.dim(`     ${mode} on ${table}${workWords[work]}`)),
  ];
}

const workWords = {
  none: "",
  scan: ", reads every row",
  build: ", builds an index",
  rewrite: ", writes it anew",
} as const;

function describeHazard({ code, severity, table, message }: PlannedHazard, style: Style): string {
  const where = table === undefined ? "" : `${table}: `;
  return `     ${paint(severity, style)} ${where}${message} ${style.dim(`[${code}]`)}`;
}

function paint(severity: PlannedHazard["severity"], style: Style): string {
  switch (severity) {
    case "danger":
      return style.bad("danger");
    case "warning":
      return style.warn("warning");
    case "notice":
      return style.dim("notice");
    default:
      return severity satisfies never;
  }
}

function describeCounts(pending: readonly PlannedMigration[], style: Style): string {
  const all = pending.flatMap(({ hazards }) => hazards);
  const counts = (["danger", "warning", "notice"] as const).flatMap((severity) => {
    const count = all.filter((hazard) => hazard.severity === severity).length;
    return count === 0 ? [] : [`${count} ${paint(severity, style)}`];
  });
  return counts.length === 0 ? "no hazards" : counts.join(", ");
}
