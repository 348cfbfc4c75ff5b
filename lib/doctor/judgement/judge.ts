import { type Attempt, failureOf } from "../evidence.ts";
import type { Findings } from "../findings.ts";
import { losesMany } from "../loss.ts";
import { conclude, concludeOtherwise, concludePassed } from "./conclude.ts";
import { evidenceOf, type Judgement, judgement } from "./judgement.ts";
import { isHole, isRepeatable, mayBeChance, provingOf, stepOfAll } from "./repeats.ts";

/**
 * From what the probes saw to the one root cause. Pure.
 *
 * 1. The first failed step decides the layer: whatever comes after it was never reached.
 * 2. What one connection proves by itself (a refusal, a certificate, an error of the server's) is taken at once.
 * 3. What may be chance (silence, a reset) counts only if every fresh connection failed in the same step and way (`repeats.ts`).
 *    A fresh one that waited longer and saw more is believed rather than the first.
 * 4. If not, the way loses packets, where the socket shows it or silence suggests it; where the kernel says that nothing
 *    was lost, it is only slow; where we did not run for some of the time, and all went well then, nothing is wrong.
 * 5. Silence in a wait that proves nothing (`doubt.ts`) accuses nobody: that is said, and so is what else it may be.
 * 6. Where the same evidence fits two causes, that is what is said (`ranking.ts`).
 */
export function judge(findings: Findings): Judgement {
  const [first, ...repeats] = findings.attempts;
  if (first === undefined) throw new TypeError("a judgement without an attempt");
  const failed = failureOf(first);
  if (failed === undefined) return judgeWell(first);
  if (!isRepeatable(failed)) return conclude(findings, [first]);

  const complete = provingOf(repeats, first, failed);
  if (complete.length === 0) return conclude(findings, [first], repeats.length > 0);
  const broken = complete.filter((attempt) => failureOf(attempt) !== undefined);
  if (broken.length === 0) return concludePassed(findings, first, failed);
  const proven = broken.find((attempt) => !mayBeChance(failureOf(attempt)?.failure));
  if (proven !== undefined) return conclude(findings, [proven]);
  const atHole = [...complete, first].filter((attempt) => failureOf(attempt)?.step === "download");
  if (isHole(findings, first, failed, complete)) return conclude(findings, atHole);
  const where = stepOfAll(first, failed, complete);
  if (where !== undefined) return conclude(findings, where === failed.step ? [...complete, first] : complete);
  const other = broken.map(failureOf).find((one) => one?.step !== failed.step);
  const otherwise =
    broken.length < complete.length
      ? "a fresh connection got through"
      : `a fresh connection failed ${other === undefined ? "in another way" : `at ${other.step} instead`}`;
  return concludeOtherwise(findings, failed, `${evidenceOf(first)}; ${otherwise}`);
}

/** Whether further, fresh connections are needed before anything is concluded. */
export function needsRepeat(attempt: Attempt): boolean {
  const failed = failureOf(attempt);
  return failed !== undefined && failed.step !== "dns" && isRepeatable(failed);
}

/** Every step passed; how many packets that took is another matter. */
function judgeWell({ socket }: Attempt): Judgement {
  if (socket === undefined || !losesMany(socket)) return judgement("ok");
  const { retransmits, sentSegments } = socket;
  return judgement(
    "path.lossy",
    `everything works, but of ${sentSegments} packets ${retransmits} had to be sent again`,
  );
}
