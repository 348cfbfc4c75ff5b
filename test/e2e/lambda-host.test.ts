import { cp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { readProcessFacts } from "#lib/base/process-facts.ts";
import { AwsError } from "#lib/local/aws/aws-error.ts";
import type { LogEntry } from "#lib/local/lambda/function-pool.ts";
import { type HostedFunction, type InvokeResult, type LambdaHost, startLambdaHost } from "#lib/local/lambda/host.ts";
import { makeTestFolder } from "../support/postgres.ts";
import { startProgram } from "../support/program.ts";
import { waitFor } from "../support/wait-for.ts";

const fixtures = join(import.meta.dirname, "..", "support", "fixtures");
const name = "fixture";

type TestHost = LambdaHost & {
  readonly log: LogEntry[];
  call(event: unknown, logTail?: boolean): Promise<InvokeResult & { readonly value: unknown; readonly tail: string }>;
};

async function startHost(overrides: Partial<HostedFunction> = {}): Promise<TestHost> {
  const log: LogEntry[] = [];
  const bundleDir = join(fixtures, "lambda");
  const config = { name, bundleDir, handler: "index.handler", env: {}, timeoutMs: 10_000, ...overrides };
  const host = await startLambdaHost({ functions: [config], onLog: (entry) => log.push(entry) });
  return Object.assign(host, {
    log,
    call: async (event: unknown) => {
      const result = await host.invoke(name, JSON.stringify(event), { logTail: true });
      const tail = Buffer.from(result.logTail ?? "", "base64").toString();
      return { ...result, value: JSON.parse(Buffer.from(result.payload).toString()), tail };
    },
  });
}

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => (error instanceof AwsError ? error.code : String(error)),
  );
}

async function hasEnded(pid: number): Promise<boolean> {
  const facts = await readProcessFacts(pid);
  return facts === undefined || facts.isZombie;
}

/** Pids of the environments, as the fixture logs them. */
function pids(host: TestHost): number[] {
  return [...new Set(host.log.flatMap(({ line }) => /\tgot \S+ (\d+)$/u.exec(line)?.[1] ?? []))].map(Number);
}

describe("an event", () => {
  test("gets to the handler, and its reply back, with what Lambda says of the function", async () => {
    await using host = await startHost({ memoryMb: 256 });
    const result = await host.call({ a: "ü" });
    expect(result).toMatchObject({ statusCode: 200, executedVersion: "$LATEST" });
    expect(result.functionError).toBeUndefined();
    expect(result.value).toMatchObject({
      event: { a: "ü" },
      context: {
        awsRequestId: result.requestId,
        functionName: name,
        functionVersion: "$LATEST",
        memoryLimitInMB: "256",
        invokedFunctionArn: "arn:aws:lambda:local:000000000000:function:fixture",
      },
    });
    const { remainingMs } = result.value as { remainingMs: number };
    expect(remainingMs).toBeGreaterThan(9_000);
    expect(remainingMs).toBeLessThanOrEqual(10_000);
  });

  test("without a payload is {}", async () => {
    await using host = await startHost();
    const { payload } = await host.invoke(name, "");
    expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({ event: {} });
  });

  test("after another finds the same environment, warm", async () => {
    await using host = await startHost();
    const [first, second] = [await host.call({}), await host.call({})];
    expect(second.value).toMatchObject({ pid: (first.value as { pid: number }).pid });
    expect(first.tail).toContain("Init Duration");
    expect(second.tail).not.toContain("Init Duration");
  });

  test("leaves its log, START to REPORT, in order and complete", async () => {
    await using host = await startHost();
    const { requestId, tail } = await host.call({ do: "throw" });
    const lines = tail.trim().split("\n");
    expect(lines[0]).toMatch(/\tloading \d+$/u);
    expect(lines[1]).toBe(`START RequestId: ${requestId} Version: $LATEST`);
    expect(lines[2]).toMatch(new RegExp(`\t${requestId}\tINFO\tgot throw \\d+$`, "u"));
    expect(lines[3]).toContain("Invoke Error");
    expect(lines.at(-2)).toBe(`END RequestId: ${requestId}`);
    expect(lines.at(-1)).toMatch(
      /^REPORT RequestId: \S+\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB/u,
    );
    expect(host.log.map(({ line }) => line)).toEqual(lines);
    expect(new Set(host.log.map((entry) => entry.requestId))).toEqual(new Set([requestId]));
  });

  test("that logs more than 4 KB keeps the last 4 KB in the tail", async () => {
    await using host = await startHost();
    const { logTail } = await host.call({ do: "print", bytes: 300_000 });
    const tail = Buffer.from(logTail ?? "", "base64");
    expect(tail.length).toBe(4096);
    expect(tail.toString().trim().split("\n").at(-1)).toMatch(/^REPORT RequestId/u);
    const lines = host.log.map(({ line }) => line);
    expect(lines).toContain("last words without a line end");
    expect(lines.join("").match(/x/gu)?.length).toBeGreaterThanOrEqual(300_000);
  });
});

describe("a function that fails", () => {
  test("by throwing is Unhandled, with type, message and trace, and goes on", async () => {
    await using host = await startHost();
    const failed = await host.call({ do: "throw" });
    expect(failed).toMatchObject({ statusCode: 200, functionError: "Unhandled" });
    const trace = expect.arrayContaining(["TypeError: bad weather"]);
    expect(failed.value).toEqual({ errorType: "TypeError", errorMessage: "bad weather", trace });
    await host.call({});
    expect(pids(host)).toHaveLength(1);
  });

  test.each([
    [{ do: "exit", code: 3 }, "Runtime exited with error: exit status 3"],
    [{ do: "exit", code: 0 }, "Runtime exited without providing a reason"],
    [{ do: "kill" }, "Runtime exited with error: signal: killed"],
  ])(
    "by ending its process with %j is Runtime.ExitError, and the next event finds a new one",
    async (event, reason) => {
      await using host = await startHost();
      const failed = await host.call(event);
      expect(failed.functionError).toBe("Unhandled");
      const errorMessage = `RequestId: ${failed.requestId} Error: ${reason}`;
      expect(failed.value).toEqual({ errorType: "Runtime.ExitError", errorMessage });
      expect((await host.call({})).functionError).toBeUndefined();
      expect(pids(host)).toHaveLength(2);
    },
  );

  test.each(["wait", "spin"])("by taking too long (%s) is killed at its timeout", async (what) => {
    await using host = await startHost({ timeoutMs: 400 });
    const failed = await host.call({ do: what, ms: 60_000 });
    const message = "Task timed out after 0.40 seconds";
    expect(failed).toMatchObject({ functionError: "Unhandled", tail: expect.stringContaining(message) });
    expect(failed.value).toEqual({
      errorType: "Sandbox.Timedout",
      errorMessage: `RequestId: ${failed.requestId} Error: ${message}`,
    });
    const [pid = 0] = pids(host);
    await waitFor("the environment to be gone", () => hasEnded(pid));
    expect((await host.call({})).functionError).toBeUndefined();
  });

  test.each([
    ["module that is not there", "nowhere.handler", { errorType: "Runtime.ImportModuleError" }],
    ["handler that is not there", "index.nowhere", { errorType: "Runtime.HandlerNotFound" }],
    ["import that is not there", "broken-import.handler", { errorMessage: expect.stringContaining("nowhere.mjs") }],
    ["process that exits", "exits.handler", { errorMessage: expect.stringContaining("exit status 7") }],
  ])("to load because of a %s says so", async (_case, handler, error) => {
    await using host = await startHost({ handler });
    const failed = await host.call({});
    expect(failed.functionError).toBe("Unhandled");
    expect(failed.value).toMatchObject(error);
  });

  test("to start at all, for its folder is not there, says so", async () => {
    await using host = await startHost({ bundleDir: join(fixtures, "nowhere") });
    const failed = await host.call({});
    expect(failed.functionError).toBe("Unhandled");
    expect(failed.value).toMatchObject({ errorType: "Runtime.ExitError" });
  });

  test("by a reply above 6 MB is told so, and goes on", async () => {
    await using host = await startHost();
    const failed = await host.call({ do: "large", bytes: 6 * 1024 * 1024 });
    expect(failed.functionError).toBe("Unhandled");
    expect(failed.value).toMatchObject({ errorType: "Function.ResponseSizeTooLarge" });
    expect((await host.call({})).functionError).toBeUndefined();
    expect(pids(host)).toHaveLength(1);
  });
});

describe("a handler that streams", () => {
  test("has its whole response as payload", async () => {
    await using host = await startHost({ handler: "index.stream" });
    const { payload } = await host.invoke(name, "{}");
    expect(Buffer.from(payload).toString()).toBe("first second");
  });

  test("and fails in the middle is Unhandled", async () => {
    await using host = await startHost({ handler: "index.stream" });
    const failed = await host.call({ do: "throw" });
    expect(failed.functionError).toBe("Unhandled");
    expect(failed.value).toMatchObject({ errorType: "RangeError", errorMessage: "late" });
  });
});

describe("events at the same time", () => {
  test("each have an environment, up to the limit; one more is refused", async () => {
    await using host = await startHost({ maxConcurrency: 2 });
    const event = JSON.stringify({ do: "wait", ms: 300 });
    const running = [host.invoke(name, event), host.invoke(name, event)];
    expect(await codeOf(host.invoke(name, event))).toBe("TooManyRequestsException");
    await Promise.all(running);
    expect(pids(host)).toHaveLength(2);
    expect(await codeOf(host.invoke(name, "{}"))).toBeUndefined();
  });

  test("leave no more environments behind than are kept idle", async () => {
    await using host = await startHost();
    await Promise.all([1, 2, 3, 4].map(() => host.invoke(name, JSON.stringify({ do: "wait", ms: 100 }))));
    const alive = async () => (await Promise.all(pids(host).map(hasEnded))).filter((ended) => !ended).length;
    expect(pids(host)).toHaveLength(4);
    expect(await alive()).toBe(2);
  });

  test("sent asynchronously wait for their turn, each answered at once", async () => {
    await using host = await startHost({ maxConcurrency: 1 });
    const results = await Promise.all([1, 2, 3].map(() => host.invoke(name, "{}", { invocationType: "Event" })));
    expect(results.map(({ statusCode }) => statusCode)).toEqual([202, 202, 202]);
    const ended = () => host.log.filter(({ line }) => line.startsWith("REPORT")).map((entry) => entry.requestId);
    await waitFor("three events to end", () => ended().length === 3);
    expect(ended()).toEqual(results.map(({ requestId }) => requestId));
    expect(pids(host)).toHaveLength(1);
  });

  test("that fail asynchronously are not run again", async () => {
    await using host = await startHost({ maxConcurrency: 1 });
    await host.invoke(name, JSON.stringify({ do: "throw" }), { invocationType: "Event" });
    await host.invoke(name, "{}", { invocationType: "Event" });
    const started = (what: string) => host.log.filter(({ line }) => line.includes(`\tgot ${what} `)).length;
    // The queue is in order: before the second event ran, the first would have been run again.
    await waitFor("the second event", () => started("nothing") === 1);
    expect(started("throw")).toBe(1);
  });
});

describe("what is refused", () => {
  test.each([
    ["an unknown function", "nowhere", "{}", undefined, "ResourceNotFoundException"],
    ["a payload that is not JSON", name, "{", undefined, "InvalidRequestContentException"],
    ["a payload above 6 MB", name, `"${"x".repeat(6 * 1024 * 1024)}"`, undefined, "RequestTooLargeException"],
    ["an asynchronous payload above 1 MB", name, `"${"x".repeat(1024 * 1024)}"`, "Event", "RequestTooLargeException"],
  ] as const)("%s", async (_case, target, payload, invocationType, code) => {
    await using host = await startHost();
    const options = invocationType === undefined ? {} : { invocationType };
    expect(await codeOf(host.invoke(target, payload, options))).toBe(code);
  });
});

describe("the process of an environment", () => {
  test("has a runtime API of its own that answers nobody else", async () => {
    await using host = await startHost();
    const { value } = await host.call({ do: "environment" });
    const { env } = value as { env: Record<string, string> };
    const api = `http://${env["AWS_LAMBDA_RUNTIME_API"]}/2018-06-01/runtime`;
    const attempts = [
      fetch(`${api}/invocation/next`),
      fetch(`${api}/invocation/next`, { headers: { "postern-runtime-secret": "x".repeat(43) } }),
      fetch(`${api}/invocation/any/response`, { method: "POST", body: "{}" }),
      fetch(`${api}/init/error`, { method: "POST", body: "{}" }),
    ];
    expect((await Promise.all(attempts)).map(({ status }) => status)).toEqual([403, 403, 403, 403]);
    expect(Object.keys(env).filter((key) => key.startsWith("POSTERN"))).toEqual([]);
    expect((await host.call({})).functionError).toBeUndefined();
  });

  test("finds its code in a folder whatever its name", async () => {
    const folder = join(await makeTestFolder(), "100% a#b?c");
    onTestFinished(async () => rm(dirname(folder), { recursive: true, force: true }));
    await cp(join(fixtures, "lambda"), folder, { recursive: true });
    await using host = await startHost({ bundleDir: folder });
    expect(await host.call({ a: 1 })).toMatchObject({ value: { event: { a: 1 } } });
  });

  test("has the environment of a Lambda and nothing of ours but PATH; no argument holds a value of it", async () => {
    process.env.POSTERN_TEST_MARKER = "ours";
    await using host = await startHost({ env: { AWS_SECRET_ACCESS_KEY: "hush", AWS_REGION: "reserved" } });
    const { value } = await host.call({ do: "environment" });
    delete process.env.POSTERN_TEST_MARKER;
    const { env, argv, execArgv, cwd } = value as Record<string, Record<string, string>>;
    expect(env).toMatchObject({
      PATH: process.env.PATH,
      AWS_SECRET_ACCESS_KEY: "hush",
      AWS_REGION: "local",
      AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
      AWS_LAMBDA_FUNCTION_NAME: name,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "512",
      AWS_LAMBDA_RUNTIME_API: expect.stringMatching(/^127\.0\.0\.1:\d+$/u),
      LAMBDA_TASK_ROOT: join(fixtures, "lambda"),
      _HANDLER: "index.handler",
    });
    const ours = Object.keys(process.env).filter(
      (key) => env !== undefined && key in env && !/^(?:AWS_|LANG$|TZ$)/u.test(key),
    );
    expect(ours).toEqual(["PATH"]);
    expect(env).not.toHaveProperty("HOME");
    expect(cwd).toBe(join(fixtures, "lambda"));
    expect(JSON.stringify([argv, execArgv])).not.toContain("hush");
  });

  test("ends with the host, idle or in the middle of an event", async () => {
    const host = await startHost({ prewarm: true });
    await host.call({});
    const running = host.call({ do: "spin" });
    await waitFor("the second event to start", () => host.log.some(({ line }) => line.includes("got spin")));
    await host[Symbol.asyncDispose]();
    expect(await Promise.all(pids(host).map(hasEnded))).not.toContain(false);
    expect((await running).functionError).toBe("Unhandled");
  });

  test("ends when the host is killed, idle or in code that never yields", async () => {
    await using holder = startProgram(join(fixtures, "hold-lambda-host.ts"), []);
    const found = new Map<string, number>();
    while (found.size < 3) {
      const line = await holder.nextLine();
      if (line === undefined) throw new Error(`the host ended early: ${holder.stderr()}`);
      const [, what, pid] = /\tgot (\S+) (\d+)$/u.exec(line) ?? [];
      if (what !== undefined) found.set(what, Number(pid));
    }
    expect([...found.keys()].toSorted()).toEqual(["never-loads", "nothing", "spin"]);
    await holder.end("SIGKILL");
    await waitFor("the environments to end", async () => {
      const ended = await Promise.all([...found.values()].map(hasEnded));
      return !ended.includes(false);
    });
  });

  test("is started ahead of the first event where that is asked for", async () => {
    await using host = await startHost({ prewarm: true });
    await waitFor("the code to load", () => host.log.some(({ line }) => line.includes("\tloading ")));
    await host.call({});
    expect(pids(host)).toHaveLength(1);
  });
});
