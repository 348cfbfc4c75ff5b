import type { StageOverrides, StageSettings } from "./schema.ts";

/**
 * Settings that were written for a stage and do nothing there: whoever wrote one believes that it does. Pure.
 *
 * @param given what `postern.config.ts` says of the stage, without what comes from its kind
 */
export function findIdleSettings(stage: string, given: StageOverrides, { network, proxy }: StageSettings): string[] {
  const { nat } = given.network ?? {};
  const ofNetwork = pick("network", given.network, ["range", "zones", "flowLogs"]);
  const ofImage = pick("network.nat", nat, ["imageName", "imageId"]);
  const ofInstance = pick("network.nat", nat, ["instanceType", "renewZone"]);
  const ofProxy = pick("proxy", given.proxy, ["maxConnectionsPercent", "borrowTimeoutSeconds", "idleTimeoutSeconds"]);
  const hasOwnVpc = network.existing === undefined;
  const cases: readonly (readonly [isIdle: boolean, keys: readonly string[], why: string])[] = [
    [!hasOwnVpc, [...ofNetwork, ...ofImage], "nothing of it is done in network.existing, which is used as it is"],
    [
      !hasOwnVpc && network.bastion === "none",
      ofInstance,
      'no instance is made in network.existing with bastion "none"',
    ],
    [
      hasOwnVpc && nat?.imageId !== undefined,
      pick("network.nat", nat, ["imageName"]),
      "network.nat.imageId names the image already",
    ],
    [!proxy.enabled, ofProxy, "proxy.enabled is false"],
  ];
  return cases
    .filter(([isIdle]) => isIdle)
    .flatMap(([, keys, why]) => keys.map((key) => `${stage}: ${key}: does nothing: ${why}; take it out`));
}

/** Keys that are written there, with their place. */
function pick(place: string, given: object | undefined, keys: readonly string[]): string[] {
  const values: Readonly<Record<string, unknown>> = { ...given };
  return keys.filter((key) => values[key] !== undefined).map((key) => `${place}.${key}`);
}
