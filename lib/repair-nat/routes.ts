import { defaultRouteOf } from "#lib/control-plane/network/expected.ts";
import type { StageInstance } from "#lib/control-plane/network/instances.ts";
import type { StageRouteTable } from "#lib/control-plane/network/route-tables.ts";
import type { RepairFacts } from "./facts.ts";
import { hasPublicAddress, interfaceOf, isOurs, isRunning } from "./zones.ts";

/** What becomes of the default route of a private subnet. */
export type RouteJudgement =
  | { readonly kind: "right" }
  /** It leads elsewhere, and that works. */
  | { readonly kind: "leave"; readonly because: string }
  /** It leads to an interface of somebody's, and nobody here knows whether that forwards. */
  | { readonly kind: "doubt"; readonly target: string }
  | { readonly kind: "create" }
  | { readonly kind: "replace"; readonly target: string; readonly because: string };

/**
 * Judges the default route of a table by what will be when the other steps are done, so that it is judged alike before and
 * after each. Pure.
 *
 * @param carriers the instances that will forward, in whichever zone: they run, or will, and have an address, or will
 */
export function judgeRoute(
  table: StageRouteTable,
  keeper: StageInstance,
  carriers: readonly StageInstance[],
  facts: RepairFacts,
): RouteJudgement {
  const route = defaultRouteOf(table);
  if (route === undefined) return { kind: "create" };
  const { target, isBlackhole } = route;
  // Also where it is a black hole: that is what EC2 says while the instance does not run.
  if (target === interfaceOf(keeper)) return { kind: "right" };
  const carrier = carriers.find((one) => interfaceOf(one) === target);
  if (carrier !== undefined) {
    return { kind: "leave", because: `it leads to ${carrier.id}, which carries another zone and works` };
  }
  if (isBlackhole) return { kind: "replace", target, because: `${target} is gone or does not run` };
  const holder = facts.instances.find((one) => interfaceOf(one) === target);
  if (holder === undefined || !isOurs(holder.tags, facts)) {
    const isInterface = target.startsWith("eni-") || target.startsWith("i-");
    return isInterface
      ? { kind: "doubt", target }
      : { kind: "leave", because: `it leads to ${target}, which is not the stage's and is there` };
  }
  if (isRunning(holder) && hasPublicAddress(holder, facts) && holder.sourceDestCheck !== true) {
    return { kind: "leave", because: `it leads to ${holder.id}, which works` };
  }
  return { kind: "replace", target, because: `it leads to ${holder.id}, which has no way out` };
}
