import { alarmRules } from "./alarms.ts";
import { bucketRules } from "./buckets.ts";
import { databaseRules } from "./database.ts";
import { databaseKeepingRules } from "./database-keeping.ts";
import { functionRules } from "./functions.ts";
import { longRunRules } from "./long-runs.ts";
import { networkRules } from "./network.ts";
import { proxyRules } from "./proxy.ts";
import { permissionRules } from "./permissions.ts";
import type { Rule } from "./rule.ts";
import { secretRules } from "./secrets.ts";
import { tagRules } from "./tags.ts";

/** What is promised of every stage, in the order of the docs. */
export const rules: readonly Rule[] = [
  ...networkRules,
  ...databaseRules,
  ...databaseKeepingRules,
  ...proxyRules,
  ...secretRules,
  ...functionRules,
  ...permissionRules,
  ...longRunRules,
  ...bucketRules,
  ...alarmRules,
  ...tagRules,
];
