/** What the official plugin says on its standard output, as far as it matters; its exit code is 0 in every case. */
export type PluginEvent =
  | { readonly event: "port"; readonly port: number }
  | { readonly event: "waiting" }
  /** The agent could not connect to the database, for one of the connections. */
  | { readonly event: "refused" }
  /** The session is over. */
  | { readonly event: "ended"; readonly why: string }
  | { readonly event: "failed"; readonly why: string };

const patterns: readonly (readonly [RegExp, (match: RegExpExecArray) => PluginEvent])[] = [
  [/^Port (\d{1,5}) opened for sessionId /u, ([, port]) => ({ event: "port", port: Number(port) })],
  [/^Waiting for connections/u, () => ({ event: "waiting" })],
  [/^Connection to destination port failed/u, () => ({ event: "refused" })],
  [/^SessionId: \S+ : (.*)$/u, ([, why = ""]) => ({ event: "ended", why: why === "" ? "no reason was given" : why })],
  [/^Session: \S+ timed out/u, () => ({ event: "ended", why: "it timed out" })],
  [/^Cannot perform start session: (.*)$/u, ([, why = ""]) => ({ event: "failed", why })],
];

/** Undefined for a line that does not matter. */
export function readPluginLine(line: string): PluginEvent | undefined {
  for (const [pattern, toEvent] of patterns) {
    const match = pattern.exec(line.trim());
    if (match !== null) return toEvent(match);
  }
  return undefined;
}
