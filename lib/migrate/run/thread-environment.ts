import process from "node:process";

/** What a schema file or a seed module may want to know of where it runs. */
const passedOn: ReadonlySet<string> = new Set(["NODE_ENV", "TZ"]);

/**
 * The environment of a thread that runs code of a user's files. The runner's own holds passwords, and the keys of its role: those
 * are no business of that code.
 */
export function threadEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => passedOn.has(name)));
}
