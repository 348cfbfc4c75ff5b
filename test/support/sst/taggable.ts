import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { platformDir } from "./platform.ts";

/**
 * Whether AWS can tag a resource of this type: whether the provider's declaration of its arguments has `tags`.
 * `aws:ec2/instance:Instance` is declared in `@pulumi/aws/ec2/instance.d.ts`.
 */
export function isTaggable(type: string): boolean {
  const [, file, className] = /^aws:([^:]+):(.+)$/.exec(type) ?? [];
  if (file === undefined) return false;
  const declaration = path.join(platformDir, "node_modules/@pulumi/aws", `${file}.d.ts`);
  if (!existsSync(declaration)) throw new Error(`There is no ${declaration} for ${type}.`);
  const [, args = ""] = readFileSync(declaration, "utf8").split(`export interface ${className}Args {`);
  return /^ {4}tags\?:/m.test(args);
}
