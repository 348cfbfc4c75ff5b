import { DescribeInstancesCommand, EC2Client, StartInstancesCommand } from "@aws-sdk/client-ec2";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { DescribeSecretCommand, GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { GetParameterCommand, SSMClient, StartSessionCommand } from "@aws-sdk/client-ssm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AwsModel, createAwsModel } from "#lib/local/aws/model.ts";
import { noResources } from "#lib/local/aws/resources.ts";
import { disposable, errorOf, startTestEndpoint, type TestEndpoint } from "../../support/aws-endpoint.ts";

/** A function's interface in a subnet without a route. */
const noWayOut = {
  networkInterfaces: [{ NetworkInterfaceId: "eni-1", InterfaceType: "lambda" as const, SubnetId: "subnet-1" }],
};

let stack: AsyncDisposableStack;
let model: AwsModel;
let endpoint: TestEndpoint;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  model = stack.use(createAwsModel(noResources));
  endpoint = stack.use(await startTestEndpoint({ model }));
  endpoint.parameters.set("/a", "text");
  await endpoint.secrets.update("a", () => ({ name: "a", arnSuffix: "abcdef", versions: [] }));
});
afterEach(() => stack.disposeAsync());

describe("a session that has expired", () => {
  test("is refused by each service in its own words", async () => {
    model.change((before) => ({ ...before, hasExpiredSession: true }));
    expect(await Promise.all(callEach(endpoint.config()))).toEqual([
      "RequestExpired 400",
      "ExpiredToken 403",
      "ExpiredTokenException 400",
      "ExpiredTokenException 400",
      "ExpiredTokenException 403",
    ]);
  });

  test("is not the functions'", async () => {
    model.change((before) => ({ ...before, hasExpiredSession: true }));
    expect(await Promise.all(callEach(endpoint.functionConfig()))).toEqual(allWell);
  });
});

describe("a permission that is missing", () => {
  test("is named with who asks and for what", async () => {
    model.change((before) => ({ ...before, deniedActions: ["ec2:Describe*"] }));
    using ec2 = disposable(new EC2Client(endpoint.config()));
    const refused = await errorOf(ec2.send(new DescribeInstancesCommand({})));
    expect(refused).toMatchObject({ name: "UnauthorizedOperation", status: 403 });
    expect(refused.message).toContain(":user/local is not authorized to perform: ec2:DescribeInstances");
    // What is not named is as it was.
    const other = await errorOf(ec2.send(new StartInstancesCommand({ InstanceIds: ["i-9"] })));
    expect(other.name).toBe("InvalidInstanceID.NotFound");
  });

  test("is refused by each service in its own words", async () => {
    const deniedActions = [
      "ec2:*",
      "rds:*",
      "ssm:GetParameter",
      "SecretsManager:describesecret",
      "lambda:InvokeFunction",
    ];
    model.change((before) => ({ ...before, deniedActions }));
    expect(await Promise.all(callEach(endpoint.config()))).toEqual([
      "UnauthorizedOperation 403",
      "AccessDenied 403",
      "AccessDeniedException 400",
      "AccessDeniedException 400",
      "AccessDeniedException 403",
    ]);
    expect(await Promise.all(callEach(endpoint.functionConfig()))).toEqual(allWell);
  });
});

describe("functions without a way out", () => {
  test("get no answer, while people do; and get one when there is a way out again", async () => {
    model.change((before) => ({ ...before, ...noWayOut }));
    using inside = disposable(new SecretsManagerClient(endpoint.functionConfig()));
    using outside = disposable(new SecretsManagerClient(endpoint.config()));
    const describeSecret = new DescribeSecretCommand({ SecretId: "a" });
    const waiting = new AbortController();
    const unanswered = inside.send(describeSecret, { abortSignal: waiting.signal }).then(
      () => "answered",
      (error: unknown) => (error as Error).name,
    );
    // It was sent before these, which are answered.
    for (let call = 0; call < 5; call += 1) await outside.send(describeSecret);
    waiting.abort();
    expect(await unanswered).toBe("AbortError");

    model.change((before) => ({ ...before, networkInterfaces: [] }));
    expect(await inside.send(describeSecret)).toMatchObject({ Name: "a" });
  });
});

describe("what is deleted", () => {
  test("a secret is not found", async () => {
    model.change((before) => ({ ...before, deleted: [{ kind: "secret", name: "a" }] }));
    using secrets = disposable(new SecretsManagerClient(endpoint.config()));
    for (const command of [
      new DescribeSecretCommand({ SecretId: "a" }),
      new GetSecretValueCommand({ SecretId: "a" }),
    ]) {
      expect(await errorOf(secrets.send(command))).toMatchObject({
        name: "ResourceNotFoundException",
      });
    }
  });

  test("a function is not found", async () => {
    model.change((before) => ({ ...before, deleted: [{ kind: "function", name: "echo" }] }));
    using lambda = disposable(new LambdaClient(endpoint.config()));
    expect(await errorOf(lambda.send(new InvokeCommand({ FunctionName: "echo" })))).toMatchObject({
      name: "ResourceNotFoundException",
      status: 404,
    });
  });

  test("a session document is not found", async () => {
    model.change((before) => ({ ...before, deleted: [{ kind: "document", name: "tunnel" }] }));
    using ssm = disposable(new SSMClient(endpoint.config()));
    const start = new StartSessionCommand({ Target: "i-1", DocumentName: "tunnel" });
    expect(await errorOf(ssm.send(start))).toMatchObject({ name: "InvalidDocument" });
  });
});

const allWell = Array.from({ length: 5 }, () => "well");

/** EC2, RDS, SSM, Secrets Manager, Lambda: the error's name and status, or that all is well. */
function callEach(config: ReturnType<TestEndpoint["config"]>): Promise<string>[] {
  const ec2 = stack.adopt(new EC2Client(config), (client) => client.destroy());
  const rds = stack.adopt(new RDSClient(config), (client) => client.destroy());
  const ssm = stack.adopt(new SSMClient(config), (client) => client.destroy());
  const secrets = stack.adopt(new SecretsManagerClient(config), (client) => client.destroy());
  const lambda = stack.adopt(new LambdaClient(config), (client) => client.destroy());
  return [
    ec2.send(new DescribeInstancesCommand({})),
    rds.send(new DescribeDBInstancesCommand({})),
    ssm.send(new GetParameterCommand({ Name: "/a" })),
    secrets.send(new DescribeSecretCommand({ SecretId: "a" })),
    lambda.send(new InvokeCommand({ FunctionName: "echo", Payload: "{}" })),
  ].map(async (call: Promise<unknown>) =>
    call.then(
      () => "well",
      (error: unknown) => {
        const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } };
        return `${name} ${$metadata?.httpStatusCode}`;
      },
    ),
  );
}
