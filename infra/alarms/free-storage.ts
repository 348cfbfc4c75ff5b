type Storage = {
  readonly storageGb: number;
  /** Up to which it grows by itself; no more than `storageGb` where it does not. */
  readonly maxStorageGb: number;
};

/**
 * RDS lets storage grow when no more than this share of it was free for five minutes.
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
 */
const growsAt = 0.1;

/**
 * Below how much free storage somebody has to look. Pure.
 *
 * - Where it grows, half of that at which it does. A database that fills up in good order comes to the whole again and again;
 *   one that comes to the half could not grow: the maximum is reached, or it fills faster than RDS, which waits for hours
 *   between one growth and the next.
 * - Where it does not grow, the whole: nobody else will do anything about it.
 *
 * CloudWatch does not know how much there is, only how much is free. So this is about what there was at the last deploy:
 * after a growth it comes later than it might, never too early. A share of the maximum would ring all the time, since there
 * may never have been as much as that.
 */
export function leastFreeBytes({ storageGb, maxStorageGb }: Storage): number {
  const share = maxStorageGb > storageGb ? growsAt / 2 : growsAt;
  return Math.floor(storageGb * 2 ** 30 * share);
}
