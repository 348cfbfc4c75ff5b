import { describeNeeds } from "./after-run-report.ts";
import type { Style } from "../style.ts";
import type { PushResult } from "#lib/migrate/push/result.ts";

/** A push for people: each statement with its hazards, what is left alone, and how it ended. */
export function describePush(result: PushResult, style: Style): string {
  const { status, statements, reemitted, unmanaged, runId, ms, after } = result;
  const isGood = status !== "refused" && status !== "failed";
  const executed = statements.filter((statement) => statement.executed).length;
  const figures = `${statements.length} ${statements.length === 1 ? "statement" : "statements"}, ${executed} executed`;
  return [
    ...statements.flatMap((statement) => describeStatement(statement, style)),
    ...reemitted.map((sql) => style.dim(`drizzle-kit repeats itself, nothing changes: ${oneLine(sql)}`)),
    ...(unmanaged.length === 0 ? [] : [style.dim(`left alone, not in the schema file: ${unmanaged.join(", ")}`)]),
    ...(after === undefined ? [] : describeNeeds(after, style)),
    `${isGood ? style.good(status) : style.bad(status)}: ${figures} in ${ms} ms ${style.dim(`(run ${runId})`)}`,
  ].join("\n");
}

function describeStatement({ sql, hazards, executed }: PushResult["statements"][number], style: Style): string[] {
  return [
    `${executed ? style.good("+") : style.dim("·")} ${oneLine(sql)}`,
    ...hazards.map(({ severity, table, message, code }) => {
      const where = table === undefined ? "" : `${table}: `;
      const word = severity === "danger" ? style.bad(severity) : style.warn(severity);
      return `    ${word} ${where}${message} ${style.dim(`[${code}]`)}`;
    }),
  ];
}

function oneLine(sql: string): string {
  return sql.replaceAll(/\s+/gu, " ");
}
