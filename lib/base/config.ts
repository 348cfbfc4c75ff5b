import * as v from "valibot";
import { type ErrorCode, PosternError } from "./errors.ts";

/**
 * Parses input from outside (environment, event, file) with a schema, once, at the boundary.
 * Every problem is reported together, each with its path, what was expected and what was seen.
 *
 * @throws PosternError with `code`
 */
export function parseInput<Schema extends v.GenericSchema>(
  schema: Schema,
  input: unknown,
  about: { readonly what: string; readonly code: ErrorCode; readonly hint?: string },
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, input);
  if (result.success) return result.output;
  const problems = result.issues.map((issue) => {
    const path = v.getDotPath(issue);
    return path === null ? issue.message : `${path}: ${issue.message}`;
  });
  throw new PosternError(about.code, `${about.what} is not valid: ${problems.join("; ")}`, { hint: about.hint });
}
