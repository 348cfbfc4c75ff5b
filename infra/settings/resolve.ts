import { inspect } from "node:util";
import * as v from "valibot";
import { stageKinds } from "../stage.ts";
import { findContradictions, findNameProblem, findUnclearProtection } from "./contradictions.ts";
import { findIdleSettings } from "./idle.ts";
import { configSchema, type PosternConfig, type StageOverrides, type StageSettings } from "./schema.ts";

/** Says everything that is wrong at once, before any resource is declared. */
class SettingsRefused extends Error {
  constructor(stage: string, problems: readonly string[]) {
    const lines = problems.map((problem) => `  - ${problem}`).join("\n");
    super(`The stage ${JSON.stringify(stage)} is refused; nothing was changed:\n${lines}`);
    this.name = "SettingsRefused";
    // SST prints the stack of what it cannot evaluate: places in a bundle, which help nobody to mend a setting.
    this.stack = this.message;
  }
}

/**
 * The settings of a stage: those of its kind, with what `postern.config.ts` replaces. Pure.
 *
 * @param config what `postern.config.ts` exports, not yet checked
 * @throws SettingsRefused with every problem
 */
export function resolveSettings(stage: string, config: unknown): StageSettings {
  const nameProblem = findNameProblem(stage);
  const nameProblems = nameProblem === undefined ? [] : [nameProblem];
  const parsed = v.safeParse(configSchema, config, { message: expectation });
  const issues = parsed.success ? [] : parsed.issues.map(describeIssue);
  const lost = findLostNames(config);
  if (!parsed.success || lost.length > 0) throw new SettingsRefused(stage, [...nameProblems, ...issues, ...lost]);
  const settings = settingsOf(stage, parsed.output);
  const unclear = findUnclearProtection(stage, own(parsed.output.stages, stage)?.protected !== undefined);
  const problems = [
    ...nameProblems,
    ...(unclear === undefined ? [] : [unclear]),
    ...findIdleSettings(stage, overridesOf(stage, parsed.output), settings),
    ...findContradictions(stage, settings, rangesOfOthers(stage, parsed.output)),
  ];
  if (problems.length > 0) throw new SettingsRefused(stage, problems);
  return settings;
}

/** The schema passes over these keys in silence, so that a stage of such a name would lose its settings. */
const lostNames = ["__proto__", "constructor", "prototype"];

function findLostNames(config: unknown): string[] {
  const { stages, peers } = (config ?? {}) as Readonly<Record<string, unknown>>;
  return Object.entries({ stages, peers }).flatMap(([key, table]) =>
    lostNames
      .filter((name) => Object.hasOwn(table ?? {}, name))
      .map((name) => `${key}.${name}: nothing can be set under this name; expected another one`),
  );
}

function settingsOf(stage: string, config: PosternConfig): StageSettings {
  return merge(own(stageKinds, stage) ?? stageKinds.other, overridesOf(stage, config));
}

/** What is meant for everybody's stages does not reach production. */
function overridesOf(stage: string, config: PosternConfig): StageOverrides {
  const shared = Object.hasOwn(stageKinds, stage) ? undefined : config.otherStages;
  return own(config.stages, stage) ?? shared ?? {};
}

function merge(base: StageSettings, overrides: StageOverrides): StageSettings {
  const network = replace(base.network, overrides.network);
  return {
    ...replace(base, overrides),
    network: { ...network, nat: replace(base.network.nat, overrides.network?.nat) },
    database: replace(base.database, overrides.database),
    proxy: replace(base.proxy, overrides.proxy),
    health: replace(base.health, overrides.health),
    alarms: replace(base.alarms, overrides.alarms),
    deployHook: replace(base.deployHook, overrides.deployHook),
  };
}

/** A setting that is there but undefined, as a condition leaves it, replaces nothing. */
function replace<T extends object>(base: T, overrides: object | undefined): T {
  const given = Object.entries(overrides ?? {}).filter(([, value]) => value !== undefined);
  return { ...base, ...Object.fromEntries(given) };
}

/** Whom this stage may have to be peered with. Stages that keep the shared range of the rest are none of them. */
function rangesOfOthers(stage: string, config: PosternConfig): Record<string, string> {
  const shared = stageKinds.other.network.range;
  const named = new Set(["production", "staging", ...Object.keys(config.stages ?? {})]);
  named.delete(stage);
  const ofStages = [...named]
    .map((name) => [name, settingsOf(name, config).network] as const)
    .filter(([, { range, existing }]) => range !== shared && existing === undefined)
    .map(([name, { range }]) => [`stage ${name}`, range] as const);
  const ofPeers = Object.entries(config.peers ?? {}).map(([name, range]) => [`peer ${name}`, range] as const);
  return Object.fromEntries([...ofStages, ...ofPeers]);
}

function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? "postern.config.ts";
  if (issue.type === "strict_object" && issue.expected === "never") return `${path}: there is no such setting`;
  if (issue.type === "strict_object" && issue.received === "undefined") return `${path}: is missing`;
  return `${path}: ${show(issue.input)}; ${issue.message}`;
}

/** Where the schema has no words of its own; valibot's are about types. */
function expectation({ expected }: v.BaseIssue<unknown>): string {
  if (expected === "string") return "expected text";
  if (expected === "Array") return "expected a list, as [ … ]";
  return expected === "Object" ? "expected an object, as { name: … }" : `expected ${expected ?? "something else"}`;
}

/** As it was written: JSON has no NaN, and throws at what it cannot have. */
function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : inspect(value, { breakLength: Infinity });
}
