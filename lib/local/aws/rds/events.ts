import type { Event } from "@aws-sdk/client-rds";
import { AwsError } from "../aws-error.ts";

const defaultMinutes = 60;
/** RDS keeps events for so long. */
const maxMinutes = 20_160;

/** Those of a source, a time and a category; without a time, of the last hour. */
export function chooseEvents(form: URLSearchParams, events: readonly Event[], now: Date): readonly Event[] {
  const type = form.get("SourceType");
  const source = form.get("SourceIdentifier");
  if (source !== null && type === null) {
    throw new AwsError(
      "InvalidParameterCombination",
      "If SourceIdentifier is supplied, SourceType must also be provided.",
    );
  }
  const minutes = Number(form.get("Duration") ?? defaultMinutes);
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > maxMinutes) {
    throw new AwsError(
      "InvalidParameterValue",
      `Invalid duration ${form.get("Duration")}: 1 to ${maxMinutes} minutes.`,
    );
  }
  const endMs = readTime(form, "EndTime") ?? now.getTime();
  const startMs = readTime(form, "StartTime") ?? endMs - minutes * 60_000;
  const categories = [...form].filter(([name]) => name.startsWith("EventCategories.")).map(([, value]) => value);
  return events.filter((event) => {
    const atMs = event.Date?.getTime() ?? 0;
    const isWanted =
      (type ?? event.SourceType) === event.SourceType && (source ?? event.SourceIdentifier) === event.SourceIdentifier;
    const isOfCategory =
      categories.length === 0 || event.EventCategories?.some((one) => categories.includes(one)) === true;
    return isWanted && isOfCategory && atMs >= startMs && atMs <= endMs;
  });
}

function readTime(form: URLSearchParams, name: string): number | undefined {
  const text = form.get(name);
  if (text === null) return undefined;
  const atMs = Date.parse(text);
  if (!Number.isNaN(atMs)) return atMs;
  throw new AwsError("InvalidParameterValue", `Invalid ${name} '${text}': expected ISO 8601.`);
}
