import { person, user } from "./principals.ts";
import type { Group } from "./row.ts";

export const developer = person("Developer", { stage: "dev", policies: ["developer"] });
export const operator = person("Operator", { stage: "dev", policies: ["operator"] });

/** What they may alike. */
export const people: Group = { name: "Developer or Operator of dev", each: [developer, operator] };
export const users: Group = {
  name: "user ann of dev, with either policy",
  each: [user("ann", { stage: "dev", policies: ["developer"] }), user("ann", { stage: "dev", policies: ["operator"] })],
};
export const untagged = both();
export const ofTools = both("tools", "production");
export const ofProduction = both("production", "production");

/** With this value of the tag, or without it. */
export function both(stage?: string, account: "development" | "production" = "development"): Group {
  const tagged = stage === undefined ? {} : { stage };
  return {
    name: stage === undefined ? "Developer or Operator, no stage" : `Developer or Operator of ${stage}`,
    each: [
      person("Developer", { account, ...tagged, policies: ["developer"] }),
      person("Operator", { account, ...tagged, policies: ["operator"] }),
    ],
  };
}
