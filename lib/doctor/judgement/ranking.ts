import type { Ranked } from "../findings.ts";
import type { VerdictCode } from "../verdicts.ts";

/*
 * What the same evidence fits, the likeliest first, each with what would settle it.
 */

/** Silence that fresh connections do not meet again, in waits that prove nothing. */
export const slowOrLossy: Ranked = [
  { code: "path.slow", settle: "run the doctor again when this machine and the server are less busy" },
  { code: "path.lossy", settle: "run the doctor again with --watch, or from another network" },
];

/** What fresh connections do not meet again, and loss alone does not look like. */
export function ownOrLossy(code: VerdictCode): Ranked {
  return [
    { code, settle: "look at the log of what listens there, at the time of this run" },
    { code: "path.lossy", settle: "run the doctor again with --watch, or from another network" },
  ];
}

/** What silence accuses, in waits that prove nothing: it may only be slow. */
export function orSlow(code: VerdictCode | Ranked): Ranked {
  const accused =
    typeof code === "string"
      ? [{ code, settle: "run the doctor again when this machine and the server are less busy" }]
      : code;
  if (accused.some((one) => one.code === "path.slow")) return accused;
  return [...accused, { code: "path.slow", settle: "compare the times of the steps before, on a calm machine" }];
}

/** 32 KB that were acknowledged, and to which nothing came: who took them may stand before what loses them. */
export const lostUpload: Ranked = [
  { code: "path.flow-cut", settle: "look for what stands between here and the server, and took the bytes" },
  { code: "path.mtu-up", settle: "run the doctor on the other side of the tunnel or balancer" },
];
