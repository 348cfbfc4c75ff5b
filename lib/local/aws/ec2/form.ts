import { AwsError } from "../aws-error.ts";

/** `Name.1`, `Name.2` … */
export function readList(form: URLSearchParams, name: string): string[] {
  const values: string[] = [];
  for (let index = 1; ; index += 1) {
    const value = form.get(`${name}.${index}`);
    if (value === null) return values;
    values.push(value);
  }
}

export function readBoolean(form: URLSearchParams, name: string): boolean | undefined {
  const value = form.get(name);
  if (value === null) return undefined;
  if (value === "true" || value === "false") return value === "true";
  throw new AwsError("InvalidParameterValue", `Invalid value '${value}' for ${name}; expected true or false`);
}
