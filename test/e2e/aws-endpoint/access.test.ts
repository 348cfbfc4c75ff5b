import { request } from "node:http";
import { DescribeAddressesCommand, EC2Client } from "@aws-sdk/client-ec2";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { GetCallerIdentityCommand, GetSessionTokenCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Credentials } from "#lib/local/aws/signature.ts";
import { accountId, disposable, errorOf, startTestEndpoint, type TestEndpoint } from "../../support/aws-endpoint.ts";

let endpoint: TestEndpoint;
beforeAll(async () => {
  endpoint = await startTestEndpoint();
});
afterAll(() => endpoint[Symbol.asyncDispose]());

describe("STS", () => {
  test("tells who calls", async () => {
    using sts = disposable(new STSClient(endpoint.config()));
    const identity = await sts.send(new GetCallerIdentityCommand({}));
    expect(identity).toMatchObject({
      Account: accountId,
      UserId: "local",
      Arn: `arn:aws:iam::${accountId}:user/local`,
    });
    expect(identity.$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/u);
  });

  test("refuses an action that is not offered", async () => {
    using sts = disposable(new STSClient(endpoint.config()));
    expect(await errorOf(sts.send(new GetSessionTokenCommand({})))).toMatchObject({
      name: "InvalidAction",
      status: 400,
    });
  });
});

describe("every service refuses who may not call, in its own words", () => {
  const cases = [
    ["STS", callSts, "InvalidClientTokenId", "SignatureDoesNotMatch", 403],
    ["RDS", callRds, "InvalidClientTokenId", "SignatureDoesNotMatch", 403],
    ["SSM", callSsm, "UnrecognizedClientException", "InvalidSignatureException", 400],
    ["Secrets Manager", callSecretsManager, "UnrecognizedClientException", "InvalidSignatureException", 400],
    ["Lambda", callLambda, "UnrecognizedClientException", "InvalidSignatureException", 403],
    ["EC2", callEc2, "AuthFailure", "AuthFailure", 401],
  ] as const;

  test.each(cases)("%s", async (_service, call, unknownKey, mismatch, status) => {
    expect(await errorOf(call({ accessKeyId: "AKIAUNKNOWN" }))).toMatchObject({ name: unknownKey, status });
    expect(await errorOf(call({ secretAccessKey: "wrong" }))).toMatchObject({ name: mismatch, status });
  });

  test("an unsigned request", async () => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const { status, body } = await post("Action=GetCallerIdentity&Version=2011-06-15", headers);
    expect([status, body]).toEqual([403, expect.stringContaining("<Code>MissingAuthenticationToken</Code>")]);
  });
});

describe("the door", () => {
  test("a Host header that does not name loopback is refused before anything is read", async () => {
    const { status } = await post("", { host: "attacker.example" });
    expect(status).toBe(421);
  });

  test("a request that no service has is not found", async () => {
    expect((await post("{}", { "content-type": "application/json" })).status).toBe(404);
  });

  test("a body above the limit gets an answer, in the protocol of its service", async () => {
    const headers = { "content-type": "application/x-amz-json-1.1", "x-amz-target": "AmazonSSM.GetParameter" };
    const { status, body } = await post("x".repeat(7 * 1024 * 1024 + 1), headers);
    expect([status, JSON.parse(body)]).toMatchObject([413, { __type: "RequestEntityTooLargeException" }]);
  });
});

async function callSts(overrides: Partial<Credentials>): Promise<void> {
  using client = disposable(new STSClient(endpoint.config(overrides)));
  await client.send(new GetCallerIdentityCommand({}));
}
async function callRds(overrides: Partial<Credentials>): Promise<void> {
  using client = disposable(new RDSClient(endpoint.config(overrides)));
  await client.send(new DescribeDBInstancesCommand({}));
}
async function callSsm(overrides: Partial<Credentials>): Promise<void> {
  using client = disposable(new SSMClient(endpoint.config(overrides)));
  await client.send(new GetParameterCommand({ Name: "/late" }));
}
async function callSecretsManager(overrides: Partial<Credentials>): Promise<void> {
  using client = disposable(new SecretsManagerClient(endpoint.config(overrides)));
  await client.send(new GetSecretValueCommand({ SecretId: "s/some" }));
}
async function callLambda(overrides: Partial<Credentials>): Promise<void> {
  using client = disposable(new LambdaClient(endpoint.config(overrides)));
  await client.send(new InvokeCommand({ FunctionName: "echo" }));
}
async function callEc2(overrides: Partial<Credentials>): Promise<void> {
  using client = disposable(new EC2Client(endpoint.config(overrides)));
  await client.send(new DescribeAddressesCommand({}));
}

async function post(body: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  request(endpoint.url, { method: "POST", headers, agent: false }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
  })
    .on("error", reject)
    .end(body);
  return promise;
}
