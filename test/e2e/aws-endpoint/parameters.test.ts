import { DeleteParameterCommand, GetParameterCommand, GetParametersCommand, SSMClient } from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { disposable, errorOf, startTestEndpoint, type TestEndpoint } from "../../support/aws-endpoint.ts";

let endpoint: TestEndpoint;
beforeAll(async () => {
  endpoint = await startTestEndpoint();
});
afterAll(() => endpoint[Symbol.asyncDispose]());

const name = "/postern/local/manifest";
const value = '{"a":"ü & <b>"}';

describe("SSM", () => {
  beforeAll(() => endpoint.parameters.set(name, value));

  test("reads a parameter as it was put, whatever characters it holds", async () => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name: name }));
    expect(Parameter).toMatchObject({ Value: value, Type: "String", Version: 1 });
  });

  test("sees a parameter that was published after the start", async () => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    endpoint.parameters.set("/late", "yes");
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name: "/late" }));
    expect(Parameter?.Value).toBe("yes");
  });

  test("reads several, and names those that are not there", async () => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    const result = await ssm.send(new GetParametersCommand({ Names: [name, "/nowhere"] }));
    expect(result.Parameters?.map((parameter) => parameter.Name)).toEqual([name]);
    expect(result.InvalidParameters).toEqual(["/nowhere"]);
  });

  test.each([
    ["an unknown parameter", new GetParameterCommand({ Name: "/nowhere" }), "ParameterNotFound"],
    ["an operation that is not offered", new DeleteParameterCommand({ Name: "/late" }), "UnknownOperationException"],
  ] as const)("refuses %s", async (_case, command, code) => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    expect(await errorOf(ssm.send(command))).toMatchObject({ name: code, status: 400 });
  });

  test("refuses more names than AWS allows", async () => {
    using ssm = disposable(new SSMClient(endpoint.config()));
    const names = Array.from({ length: 11 }, (_, index) => `/p/${index}`);
    const error = await errorOf(ssm.send(new GetParametersCommand({ Names: names })));
    expect(error).toMatchObject({ name: "ValidationException", message: expect.stringContaining("Names") });
  });
});
