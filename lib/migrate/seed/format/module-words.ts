/**
 * What a seed module's own error says, on one line behind what happened. It is the author's text, and may quote a row:
 * `withoutModuleWords` takes it away again, so that what stands ahead of it here is known there.
 */
export function describeModuleError(
  what: "A seed module failed" | `${string} cannot be loaded` | `${string} failed after row ${number}`,
  error: unknown,
): string {
  const words = error instanceof Error ? error.message : String(error);
  return `${what}: ${words.split("\n", 1)[0] ?? ""}`;
}

const ahead = /^(?:A seed module failed|[^:\n]+ (?:cannot be loaded|failed after row \d+))(?=: )/u;

/** For whoever may see no row. What is no module's own error stays as it is. Pure. */
export function withoutModuleWords(message: string): string {
  const what = ahead.exec(message)?.[0];
  if (what === undefined) return message;
  return `${what}; the module's own words are left out here, for they may quote a row.`;
}
