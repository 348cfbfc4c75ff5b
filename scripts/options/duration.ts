import { InvalidArgumentError } from "commander";

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `500ms`, `10s`, `2m`, `1h` as milliseconds, for commander. A number without a unit is refused: it could be either. */
export function parseDuration(text: string): number {
  const { amount = "", unit = "" } = /^(?<amount>\d+(?:\.\d+)?)(?<unit>ms|s|m|h)$/u.exec(text)?.groups ?? {};
  const scale = unitMs[unit];
  if (scale === undefined) throw new InvalidArgumentError("expected a number with a unit: 500ms, 10s, 2m.");
  return Math.round(Number(amount) * scale);
}

/** As `parseDuration`, for a limit that 0 would lift. */
export function parsePositiveDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms < 1) throw new InvalidArgumentError("expected at least 1ms: 0 would wait for ever.");
  return ms;
}
