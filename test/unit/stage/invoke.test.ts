import { expect, test } from "vitest";
import { isUnanswered } from "#lib/stage/aws-errors.ts";
import { invokeFunction, queueEvent } from "#lib/stage/invoke.ts";
import { awsError, type FakeAnswer, startFakeAws } from "./fake-aws.ts";

const functionName = "postern-dev-inspect";

async function invokeAgainst(answer: FakeAnswer): Promise<unknown> {
  await using aws = await startFakeAws(() => answer);
  return await invokeFunction({ access: aws.access, functionName, event: { action: "status" } });
}

test("sends the event and returns the parsed reply", async () => {
  await using aws = await startFakeAws(() => ({ status: 200, body: { pending: [] } }));
  const event = { action: "status" };
  expect(await invokeFunction({ access: aws.access, functionName, event })).toEqual({ pending: [] });
  expect(aws.requests).toMatchObject([
    {
      path: expect.stringContaining(`/functions/${functionName}/invocations`),
      headers: { "x-amz-invocation-type": "RequestResponse" },
      body: JSON.stringify(event),
    },
  ]);
});

test("queues an event without waiting for the function", async () => {
  await using aws = await startFakeAws(() => ({ status: 202, body: "" }));
  await queueEvent({ access: aws.access, functionName, event: { action: "migrate" } });
  expect(aws.requests).toMatchObject([{ headers: { "x-amz-invocation-type": "Event" } }]);
});

test("a connection that is cut is not tried again, and is known to be unanswered", async () => {
  await using aws = await startFakeAws(() => undefined);
  const error = await queueEvent({ access: aws.access, functionName, event: {} }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "aws.failed" });
  expect(isUnanswered(error)).toBe(true);
  expect(aws.requests).toHaveLength(1);
});

test("an answer that does not come in time is unanswered too", async () => {
  await using aws = await startFakeAws(() => "silence");
  const request = { access: aws.access, functionName, event: {}, timeoutMs: 50 };
  const error = await invokeFunction(request).catch((reason: unknown) => reason);
  expect(isUnanswered(error)).toBe(true);
  expect(aws.requests).toHaveLength(1);
});

test("a definite refusal is answered", async () => {
  await using aws = await startFakeAws(() => awsError("ResourceNotFoundException", "Function not found", 404));
  const error = await queueEvent({ access: aws.access, functionName, event: {} }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "lambda.missing", message: expect.stringContaining("Function not found") });
  expect(isUnanswered(error)).toBe(false);
});

test("a crash of the function gives its message without its stack", async () => {
  const crash = { errorType: "Error", errorMessage: "boom\n    at secret.ts:1", trace: ["Error: boom", "    at x"] };
  await expect(
    invokeAgainst({ status: 200, body: crash, headers: { "x-amz-function-error": "Unhandled" } }),
  ).rejects.toMatchObject({ code: "lambda.failed", message: `${functionName} failed: boom` });
});

test("a foreseen failure comes back as the error it was", async () => {
  const error = { code: "history.edited", message: "0001 was edited", hint: "Restore it." };
  await expect(invokeAgainst({ status: 200, body: { error } })).rejects.toMatchObject({ ...error, exitCode: 1 });
});

test("a result that tells of an error is a result", async () => {
  const progress = { runId: "run", state: "ended", error: { code: "lock.held", message: "taken" } };
  expect(await invokeAgainst({ status: 200, body: progress })).toEqual(progress);
});

test("a code that this version does not know becomes internal", async () => {
  const error = { code: "from.the-future", message: "new" };
  await expect(invokeAgainst({ status: 200, body: { error } })).rejects.toMatchObject({ code: "internal" });
});

test.each(["", "<html>", "{"])("a reply that is not JSON is refused: %j", async (body) => {
  await expect(invokeAgainst({ status: 200, body })).rejects.toMatchObject({ code: "lambda.failed" });
});
