/** Of memory, for which PostgreSQL on RDS allows one connection: `max_connections` is DBInstanceClassMemory / 9531392. */
const bytesPerConnection = 9_531_392;
const mostConnections = 5000;

/** GiB of a `large` instance, by the first letter of its family; those that are not named are as `m`. */
const largeGib: Readonly<Record<string, number>> = { t: 8, m: 8, c: 4, r: 16, x: 32 };
const partsOfLarge: Readonly<Record<string, number>> = { micro: 1 / 8, small: 1 / 4, medium: 1 / 2, large: 1 };

/**
 * About how many connections RDS lets in by default. Less is true, a fifth on the smallest classes, because some of the
 * memory is the system's: enough for an alarm at a share of it. Pure.
 *
 * @param instanceClass as `t4g.micro`
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections
 */
export function connectionLimit(instanceClass: string): number {
  const [family = "", size = ""] = instanceClass.split(".");
  const multiple = /^(\d*)xlarge$/.exec(size);
  const larges = multiple === null ? (partsOfLarge[size] ?? 1) : 2 * Number(multiple[1] || 1);
  const bytes = (largeGib[family[0] ?? ""] ?? 8) * larges * 2 ** 30;
  return Math.min(mostConnections, Math.floor(bytes / bytesPerConnection));
}
