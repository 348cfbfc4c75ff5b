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

export function readRequired(form: URLSearchParams, name: string): string {
  const value = form.get(name);
  if (value !== null && value !== "") return value;
  throw new AwsError("MissingParameter", `The request must contain the parameter ${name}`);
}

export function readBoolean(form: URLSearchParams, name: string): boolean | undefined {
  const value = form.get(name);
  if (value === null) return undefined;
  if (value === "true" || value === "false") return value === "true";
  throw new AwsError("InvalidParameterValue", `Invalid value '${value}' for ${name}; expected true or false`);
}

/** After everything else was found well: the request would have gone through. */
export function refuseDryRun(form: URLSearchParams): void {
  if (readBoolean(form, "DryRun") !== true) return;
  throw new AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", { statusCode: 412 });
}
