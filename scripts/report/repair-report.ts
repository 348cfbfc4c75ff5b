import type { RepairNatResult, RepairStep, RepairVerification } from "#lib/repair-nat/result.ts";
import { alignColumns, type Style } from "../style.ts";

/** A plan for people, each step from what is to what is to be; what was done of it; what others have to do; how it is now. */
export function describeRepair(
  result: RepairNatResult,
  style: Style,
  { flags, isProtected }: { readonly flags: string; readonly isProtected: boolean },
): string {
  const { plan, planHash, applied, unmended, left, verified, error } = result;
  const lines = [
    ...describeSteps(plan, applied.length, style),
    ...(verified?.unmended ?? unmended).map(
      ({ resource, message, fix }) => `${style.bad("✗")} ${resource}  ${message}\n  ${style.dim("fix")}  ${fix}`,
    ),
    ...left.map(({ resource, message }) => `${style.dim("·")} ${resource}  ${message}`),
  ];
  if (error !== undefined) return [...lines, style.bad(`stopped: ${applied.length} of ${plan.length} done`)].join("\n");
  if (verified !== undefined) return [...lines, ...describeVerified(verified, style)].join("\n");
  if (plan.length > 0) {
    const steps = plan.length === 1 ? "1 step" : `${plan.length} steps`;
    const how = isProtected ? `--approve ${planHash}` : "--yes";
    return [...lines, `${steps}; to do it: postern repair-nat ${flags} ${how}`, `plan ${planHash}`].join("\n");
  }
  return [...lines, unmended.length === 0 ? style.good("nothing to do") : "nothing that can be done from here"].join(
    "\n",
  );
}

function describeSteps(steps: readonly RepairStep[], done: number, style: Style): string[] {
  const rows = alignColumns(steps.map(({ kind, resource, from, to }) => [kind, resource, from, "→", to]));
  return steps.flatMap(({ why, cuts }, index) => {
    const step = `${index < done ? style.good("✓") : style.dim("·")} ${rows[index] ?? ""}`;
    const about = [step, `    ${style.dim(why)}`];
    return cuts === undefined ? about : about.concat(`    ${style.warn("cuts")}  ${cuts}`);
  });
}

function describeVerified({ ok, plan, aws, tunnel }: RepairVerification, style: Style): string[] {
  const walk = tunnel === undefined ? "" : `; through the tunnel: ${tunnel.code}`;
  const found = aws.flatMap(({ code, evidence, fix }) => [
    `${style.warn(code)}  ${evidence}`,
    `  ${style.dim("fix")}  ${fix}`,
  ]);
  if (ok) return [...found, `${style.good("mended")}${walk}`];
  const next = plan.length === 0 ? [] : ["what is left to do:", ...describeSteps(plan, 0, style)];
  const isSaid = aws.some((one) => one.fix === tunnel?.fix);
  const fix = tunnel === undefined || tunnel.code === "ok" || isSaid ? [] : [`${style.dim("fix")}  ${tunnel.fix}`];
  return [...found, ...next, `${style.bad("not mended")}${walk}`, ...fix];
}
