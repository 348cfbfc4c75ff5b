import { formatHostPort } from "#lib/base/host-port.ts";
import type { TunnelRecord } from "#lib/tunnel/registry/record.ts";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import { alignColumns, type Style } from "../style.ts";

/** What happened, in one line; undefined for what another line says already. */
export function describeTunnelEvent(event: TunnelEvent): string | undefined {
  switch (event.event) {
    case "listening":
      return `listening on ${formatHostPort(event)}`;
    case "up":
      return event.reconnects === 0 ? `up in ${formatMs(event.ms)}` : `up again after ${formatMs(event.ms)}`;
    case "degraded":
      return `the database does not answer: ${event.reason.message}`;
    case "down":
      return `down: ${event.reason.message} [${event.reason.code}]`;
    case "reconnecting":
      return event.attempt === 1 && event.delayMs === 0
        ? "reconnecting"
        : `attempt ${event.attempt} in ${formatMs(event.delayMs)}: ${event.reason.message} [${event.reason.code}]`;
    case "maxRetriesExceeded":
      return `gave up after ${event.attempts} attempts`;
    case "closed":
      return event.reason === undefined ? "closed" : undefined;
    default:
      return event satisfies never;
  }
}

/** One line for a terminal: where it is, and what goes through it. */
export function describeTunnelLine(record: Omit<TunnelRecord, "pid" | "startedAt">, now: Date): string {
  const { state, host = "127.0.0.1", port, reconnects, reason } = record;
  const local = port === undefined ? "" : `${formatHostPort({ host, port })} → ${formatHostPort(record.database)}`;
  const facts = [
    `${state} ${formatAge(record.stateSince, now)}`,
    local,
    traffic(record),
    record.roundTripMs === undefined ? "" : `${record.roundTripMs.toFixed(0)} ms`,
    reconnects === 0 ? "" : `${reconnects} ${reconnects === 1 ? "reconnect" : "reconnects"}`,
    reason?.message ?? "",
  ];
  return facts.filter((fact) => fact !== "").join(" · ");
}

export function describeTunnels(records: readonly TunnelRecord[], now: Date, style: Style): string {
  if (records.length === 0) return "no tunnel is running";
  const rows = records.map((record) => [
    record.name,
    stateWord(record.state, style),
    localEnd(record) ?? "-",
    record.route,
    record.isDetached ? "detached" : "foreground",
    `pid ${record.pid}`,
    formatAge(record.since, now),
  ]);
  return alignColumns(rows).join("\n");
}

/** Everything that a tunnel says of itself. */
export function describeTunnel(record: TunnelRecord, now: Date, style: Style): string {
  const { reason } = record;
  const rows = [
    ["tunnel", `${record.name} ${style.dim(`(pid ${record.pid}, ${record.isDetached ? "detached" : "foreground"})`)}`],
    ["state", `${stateWord(record.state, style)} for ${formatAge(record.stateSince, now)}`],
    ["local", localEnd(record)],
    ["route", `${record.transport}: ${record.route}`],
    ["reason", reason && `${reason.message} [${reason.code}]`],
    ["reconnects", String(record.reconnects)],
    ["traffic", traffic(record)],
    ["round trip", record.roundTripMs === undefined ? undefined : `${record.roundTripMs.toFixed(1)} ms`],
    ["runs for", formatAge(record.since, now)],
  ].flatMap(([name, value]) => (name === undefined || value === undefined || value === "" ? [] : [[name, value]]));
  const hint = reason?.hint === undefined ? [] : [reason.hint];
  return [...alignColumns(rows), ...hint].join("\n");
}

function localEnd({ host = "127.0.0.1", port }: Pick<TunnelRecord, "host" | "port">): string | undefined {
  return port === undefined ? undefined : formatHostPort({ host, port });
}

function stateWord(state: TunnelRecord["state"], style: Style): string {
  switch (state) {
    case "up":
      return style.good(state);
    case "connecting":
    case "degraded":
    case "reconnecting":
      return style.warn(state);
    case "closed":
      return style.bad(state);
    default:
      return state satisfies never;
  }
}

function traffic({ connections, bytesUp, bytesDown }: Pick<TunnelRecord, "connections" | "bytesUp" | "bytesDown">) {
  if (bytesUp === undefined || bytesDown === undefined) return "";
  const open = connections === undefined ? "" : `${connections} ${connections === 1 ? "connection" : "connections"}, `;
  return `${open}${formatBytes(bytesUp)} up, ${formatBytes(bytesDown)} down`;
}

const units = ["B", "kB", "MB", "GB", "TB"] as const;

function formatBytes(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${unit === 0 || amount >= 100 ? amount.toFixed(0) : amount.toFixed(1)} ${units[unit] ?? "B"}`;
}

function formatMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** From a time stamp until now, in the two units that matter. */
function formatAge(since: string, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(since)) / 1000));
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
