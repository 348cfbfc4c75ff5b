import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

export const labHelp = `npm run lab [-- OPTIONS]: makes faults, has the doctor look at each, and counts how often it is right.
Exit code: 0 every verdict is right, 1 one is wrong or nothing could be walked, 2 an option is wrong.

  --draws N         every fault, each drawn so often (default: 20)
  --healthy N       so many walks to endpoints on which nothing is broken
  --loss N          ways that lose 1 to 40 % of everything, each walked so often
  --pairs N         so many pairs of faults, each of which is there at once

With each:
  --only PATTERN    those whose name matches: a regular expression (default: all)
  --load N          beside so many processes that spin (default: 0)
  --at-once N       so many walks at once
  --seed N          draws what a run drew that told this seed
  --json            one document on stdout
  --docs            writes its part of docs/lab.md anew, and that of every fault docs/faults.md
`;

export type LabArguments = {
  readonly draws: number;
  readonly healthy?: number;
  readonly loss?: number;
  readonly pairs?: number;
  readonly only: RegExp;
  readonly load: number;
  readonly atOnce?: number;
  readonly seed?: number;
  readonly json: boolean;
  readonly docs: boolean;
};

const flags = {
  draws: { type: "string" },
  healthy: { type: "string" },
  loss: { type: "string" },
  pairs: { type: "string" },
  only: { type: "string", default: "" },
  load: { type: "string" },
  "at-once": { type: "string" },
  seed: { type: "string" },
  json: { type: "boolean", default: false },
  docs: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const satisfies ParseArgsOptionsConfig;

/** What was typed; "help" where that was asked for. @throws Error in one sentence, for what is no option or no value of one */
export function readLabArguments(args: readonly string[]): LabArguments | "help" {
  const { values } = parseArgs({ args: [...args], options: flags });
  if (values.help) return "help";
  const number = (name: Exclude<keyof typeof values, "json" | "docs" | "help">, least: number) => {
    const text = values[name];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d+$/u.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new Error(`--${name} ${text}: expected a whole number, ${least} at least.`);
  };
  const optional = { healthy: number("healthy", 1), loss: number("loss", 1), pairs: number("pairs", 1) };
  const settings = { atOnce: number("at-once", 1), seed: number("seed", 0) };
  const { json, docs } = values;
  return {
    draws: number("draws", 1) ?? 20,
    only: readPattern(values.only),
    load: number("load", 0) ?? 0,
    ...withoutUndefined(optional),
    ...withoutUndefined(settings),
    json,
    docs,
  };
}

function readPattern(text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch (cause) {
    throw new Error(`--only ${text}: expected a regular expression.`, { cause });
  }
}

function withoutUndefined<Name extends string>(
  values: Readonly<Record<Name, number | undefined>>,
): Partial<Record<Name, number>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<
    Record<Name, number>
  >;
}
