import * as v from "valibot";

const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const count = v.pipe(v.number(), v.minValue(0));

/** What a running tunnel says of itself in its file, for `list`, `status`, `stop` and `psql`. No secrets in it. */
const recordSchema = v.object({
  /** With `startedAt`, the process (see lib/base/process-facts.ts). */
  pid: v.pipe(v.number(), v.integer(), v.minValue(1)),
  startedAt: v.string(),
  /** A stage's name, or a target's id. */
  name: v.string(),
  kind: v.picklist(["stage", "target"]),
  transport: v.picklist(["ssm", "ssh", "direct"]),
  /** For people: "db.internal:5432 through i-0abc". */
  route: v.string(),
  /** The local end; absent until it listens. */
  host: v.exactOptional(v.string()),
  port: v.exactOptional(port),
  database: v.object({ host: v.string(), port }),
  isDetached: v.boolean(),
  since: v.string(),
  state: v.picklist(["connecting", "up", "degraded", "reconnecting", "closed"]),
  stateSince: v.string(),
  /** Why it is not up. */
  reason: v.exactOptional(v.object({ code: v.string(), message: v.string(), hint: v.exactOptional(v.string()) })),
  reconnects: count,
  connections: v.exactOptional(count),
  bytesUp: v.exactOptional(count),
  bytesDown: v.exactOptional(count),
  roundTripMs: v.exactOptional(count),
});

export type TunnelRecord = v.InferOutput<typeof recordSchema>;

/** A text that says nothing sensible, or something of another version, is no record. */
export function parseRecord(text: string): TunnelRecord | undefined {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), recordSchema), text);
  return result.success ? result.output : undefined;
}
