import { networkRules } from "./network.ts";
import type { Rule } from "./rule.ts";
import { tagRules } from "./tags.ts";

/** What is promised of every stage, in the order of the docs. */
export const rules: readonly Rule[] = [...networkRules, ...tagRules];
