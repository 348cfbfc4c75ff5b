import { noticeMissingPrograms } from "./debian.ts";

export function setup(): void {
  noticeMissingPrograms(["chromium"]);
}
