import { InvokeCommand, LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  accountId,
  disposable,
  errorOf,
  region,
  startTestEndpoint,
  type TestEndpoint,
} from "../../support/aws-endpoint.ts";

let endpoint: TestEndpoint;
beforeAll(async () => {
  endpoint = await startTestEndpoint();
});
afterAll(() => endpoint[Symbol.asyncDispose]());

describe("Lambda", () => {
  test.each([
    ["its name", "echo"],
    ["its ARN with a qualifier", `arn:aws:lambda:${region}:${accountId}:function:echo:$LATEST`],
  ])("invokes a function by %s and waits for its reply", async (_case, name) => {
    using client = disposable(new LambdaClient(endpoint.config()));
    const result = await client.send(new InvokeCommand({ FunctionName: name, Payload: '{"a":1}', LogType: "Tail" }));
    expect(result).toMatchObject({ StatusCode: 200, ExecutedVersion: "$LATEST", LogResult: btoa("END") });
    expect(result.FunctionError).toBeUndefined();
    expect(result.Payload?.transformToString()).toBe('{"a":1}');
  });

  test("an asynchronous event is accepted with 202, a dry run with 204", async () => {
    using client = disposable(new LambdaClient(endpoint.config()));
    const send = async (type: "Event" | "DryRun") =>
      (await client.send(new InvokeCommand({ FunctionName: "echo", InvocationType: type, Payload: "{}" }))).StatusCode;
    expect([await send("Event"), await send("DryRun")]).toEqual([202, 204]);
  });

  test("a function that failed is a reply with FunctionError, not an exception", async () => {
    using client = disposable(new LambdaClient(endpoint.config()));
    const result = await client.send(new InvokeCommand({ FunctionName: "echo", Payload: '"throw"' }));
    expect(result.FunctionError).toBe("Unhandled");
    expect(JSON.parse(result.Payload?.transformToString() ?? "")).toEqual({ errorType: "Error" });
  });

  test.each([
    ["an unknown function", { FunctionName: "nowhere" }, "ResourceNotFoundException", 404],
    [
      "a dry run of an unknown function",
      { FunctionName: "nowhere", InvocationType: "DryRun" },
      "ResourceNotFoundException",
      404,
    ],
    ["a function at its limit", { FunctionName: "busy" }, "TooManyRequestsException", 429],
  ] as const)("refuses %s", async (_case, input, name, status) => {
    using client = disposable(new LambdaClient(endpoint.config()));
    const error = await errorOf(client.send(new InvokeCommand(input)));
    expect(error).toMatchObject({ name, status });
  });

  test("tells the log of a defect, and the client not a word of it", async () => {
    using client = disposable(new LambdaClient(endpoint.config()));
    const error = await errorOf(client.send(new InvokeCommand({ FunctionName: "broken" })));
    expect(error).toMatchObject({ name: "InternalFailure", status: 500 });
    expect(error.message).not.toContain("/secret/paths");
    expect(endpoint.log.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: "warn", service: "lambda", error: expect.stringContaining("/secret/paths") },
    ]);
  });

  test("refuses an operation that is not offered", async () => {
    using client = disposable(new LambdaClient(endpoint.config()));
    const error = await errorOf(client.send(new ListFunctionsCommand({})));
    expect(error).toMatchObject({ name: "UnknownOperationException", status: 404 });
  });
});
