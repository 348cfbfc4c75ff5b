const dayMs = 24 * 60 * 60 * 1000;
/** Time to renew a certificate before anybody is kept out. */
const warnDays = 30;

/** Whether a certificate that ends then is to be renewed now. */
export function endsSoon(end: Date, now: Date): boolean {
  return daysUntil(end, now) <= warnDays;
}

/** Whole days, the last one begun counted. */
export function daysUntil(end: Date, now: Date): number {
  return Math.ceil((end.getTime() - now.getTime()) / dayMs);
}
