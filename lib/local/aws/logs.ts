import * as v from "valibot";
import { AwsError } from "./aws-error.ts";
import { jsonService, parseMembers } from "./json-protocol.ts";
import type { LogLine, LogStore } from "./log-store.ts";
import type { AwsService } from "./protocol.ts";

const wholeNumber = v.pipe(v.number(), v.integer(), v.minValue(0));
const filterLogEvents = v.strictObject({
  logGroupName: v.string(),
  startTime: v.optional(wholeNumber),
  endTime: v.optional(wholeNumber),
  startFromHead: v.optional(v.boolean()),
  filterPattern: v.optional(v.pipe(v.string(), v.maxLength(1024))),
  limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000))),
  nextToken: v.optional(v.string()),
});
const maxEvents = 10_000;

/** CloudWatch Logs: a group's events by time and by phrases, of which one has to be in them; streams are not told apart. */
export function logsService({ logs }: { readonly logs: LogStore }): AwsService {
  return jsonService({
    signingName: "logs",
    target: "Logs_20140328",
    operations: {
      FilterLogEvents: (input) => {
        const { logGroupName, ...wanted } = parseMembers(filterLogEvents, input);
        const lines = logs.read(logGroupName);
        if (lines === undefined) {
          throw new AwsError("ResourceNotFoundException", "The specified log group does not exist.");
        }
        const { startTime = 0, endTime = Number.POSITIVE_INFINITY, limit = maxEvents, startFromHead = true } = wanted;
        const phrases = readPhrases(wanted.filterPattern);
        const found = lines.filter(({ at, message }) => {
          const isInTime = at.getTime() >= startTime && at.getTime() <= endTime;
          return isInTime && (phrases === undefined || phrases.some((phrase) => message.includes(phrase)));
        });
        const ordered = startFromHead ? found : found.toReversed();
        const from = readToken(wanted.nextToken);
        return {
          events: ordered.slice(from, from + limit).map((line, index) => toEvent(line, from + index)),
          searchedLogStreams: [],
          ...(from + limit < ordered.length ? { nextToken: `from-${from + limit}` } : {}),
        };
      },
    },
  });
}

function toEvent({ at, message }: LogLine, index: number): object {
  const timestamp = at.getTime();
  return { eventId: `${timestamp}-${index}`, logStreamName: "local", timestamp, ingestionTime: timestamp, message };
}

/** Of `?"one phrase" ?"another"`; an answer that took any other pattern for nothing would be wrong without anyone noticing. */
function readPhrases(pattern: string | undefined): readonly string[] | undefined {
  if (pattern === undefined || pattern === "") return undefined;
  if (!/^\?"[^"\\]+"(?: \?"[^"\\]+")*$/u.test(pattern)) {
    throw new AwsError("InvalidParameterException", `Not offered here: the filter pattern ${pattern}`);
  }
  return Array.from(pattern.matchAll(/\?"([^"\\]+)"/gu), ([, phrase = ""]) => phrase);
}

function readToken(token: string | undefined): number {
  if (token === undefined) return 0;
  const from = /^from-(\d{1,9})$/u.exec(token)?.[1];
  if (from === undefined) throw new AwsError("InvalidParameterException", "The specified nextToken is invalid.");
  return Number(from);
}
