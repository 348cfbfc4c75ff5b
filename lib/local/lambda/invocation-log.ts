import { maxLogTailBytes } from "./limits.ts";

/** What one environment wrote about one event, with the platform's own lines around it. */
export type InvocationLog = {
  add(line: string): void;
  /** The last 4 KB, base64, as `LogType: Tail` has it. */
  tail(): string;
};

export function createInvocationLog(onLine: (line: string) => void): InvocationLog {
  let kept = Buffer.alloc(0);
  return {
    add: (line) => {
      onLine(line);
      kept = Buffer.concat([kept, Buffer.from(`${line}\n`)]).subarray(-maxLogTailBytes);
    },
    tail: () => kept.toString("base64"),
  };
}

export function startLine(requestId: string): string {
  return `START RequestId: ${requestId} Version: $LATEST`;
}

export function endLine(requestId: string): string {
  return `END RequestId: ${requestId}`;
}

export function reportLine(report: {
  readonly requestId: string;
  readonly durationMs: number;
  readonly memoryMb: number;
  /** Only where this event found the environment cold. */
  readonly initMs: number | undefined;
}): string {
  const { requestId, durationMs, memoryMb, initMs } = report;
  return [
    `REPORT RequestId: ${requestId}`,
    `Duration: ${durationMs.toFixed(2)} ms`,
    `Billed Duration: ${Math.ceil(durationMs + (initMs ?? 0))} ms`,
    `Memory Size: ${memoryMb} MB`,
    ...(initMs === undefined ? [] : [`Init Duration: ${initMs.toFixed(2)} ms`]),
  ].join("\t");
}
