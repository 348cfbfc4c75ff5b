import { CloudWatchLogsClient, FilterLogEventsCommand, paginateFilterLogEvents } from "@aws-sdk/client-cloudwatch-logs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLogStore } from "#lib/local/aws/log-store.ts";
import { disposable, errorOf, startTestEndpoint, type TestEndpoint } from "../../support/aws-endpoint.ts";

const group = "/aws/rds/proxy/postern-local";
const logs = createLogStore();
for (const second of [1, 2, 3, 4, 5]) {
  logs.write(group, { at: new Date(second * 1000), message: `line ${second} ${second % 2 === 0 ? "even" : "odd"}` });
}
logs.make("/empty");

let endpoint: TestEndpoint;
beforeAll(async () => {
  endpoint = await startTestEndpoint({ logs });
});
afterAll(() => endpoint[Symbol.asyncDispose]());

async function messagesOf(wanted: ConstructorParameters<typeof FilterLogEventsCommand>[0]) {
  using client = disposable(new CloudWatchLogsClient(endpoint.config()));
  const { events = [] } = await client.send(new FilterLogEventsCommand({ logGroupName: group, ...wanted }));
  return events.map(({ message }) => message);
}

describe("CloudWatch Logs", () => {
  test("tells a group's events, the oldest first or the newest", async () => {
    const oldestFirst = ["line 1 odd", "line 2 even", "line 3 odd", "line 4 even", "line 5 odd"];
    expect(await messagesOf({})).toEqual(oldestFirst);
    expect(await messagesOf({ startFromHead: false })).toEqual(oldestFirst.toReversed());
    expect(await messagesOf({ logGroupName: "/empty" })).toEqual([]);
  });

  test("with their time, from a time and to one", async () => {
    using client = disposable(new CloudWatchLogsClient(endpoint.config()));
    const wanted = { logGroupName: group, startTime: 2000, endTime: 3000 };
    const { events } = await client.send(new FilterLogEventsCommand(wanted));
    expect(events).toMatchObject([
      { timestamp: 2000, message: "line 2 even" },
      { timestamp: 3000, message: "line 3 odd" },
    ]);
  });

  test("that have one of the phrases in them", async () => {
    expect(await messagesOf({ filterPattern: '?"2 even" ?"5 o"' })).toEqual(["line 2 even", "line 5 odd"]);
  });

  test("page by page", async () => {
    using client = disposable(new CloudWatchLogsClient(endpoint.config()));
    const pages: number[] = [];
    const wanted = { logGroupName: group, limit: 2, startFromHead: false };
    for await (const { events = [] } of paginateFilterLogEvents({ client }, wanted)) pages.push(events.length);
    expect(pages).toEqual([2, 2, 1]);
  });

  test.each([
    ["a group that is not there", { logGroupName: "/other" }, "ResourceNotFoundException"],
    ["a pattern that is not offered", { filterPattern: "ERROR -debug" }, "InvalidParameterException"],
    ["a token of nobody's", { nextToken: "x" }, "InvalidParameterException"],
    ["no line at all", { limit: 0 }, "ValidationException"],
    ["a member that is not offered", { unmask: true }, "ValidationException"],
  ])("refuses %s", async (_, wanted, name) => {
    expect(await errorOf(messagesOf(wanted))).toMatchObject({ name, status: 400 });
  });
});

test("a group keeps its newest thousand lines", () => {
  const store = createLogStore();
  for (let line = 0; line < 1500; line += 1) store.write("/a", { at: new Date(line), message: String(line) });
  const kept = store.read("/a") ?? [];
  expect([kept.length, kept[0]?.message, kept.at(-1)?.message]).toEqual([1000, "500", "1499"]);
});
