import type { RequestListener } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { doctorActions } from "#lib/contract.ts";
import type { Fact } from "#lib/control-plane/fact.ts";
import { readProxyLog } from "#lib/control-plane/proxy-log.ts";
import { type ControlPlaneFacts, readControlPlane } from "#lib/control-plane/read-control-plane.ts";
import { manifest } from "../../support/control-plane/control-plane-facts.ts";
import { startAwsStandIn } from "../../support/control-plane/aws-stand-in.ts";

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(async () => {
  await stack.disposeAsync();
});

/** A refusal as each service words it. */
const refuse: RequestListener = (request, response) => {
  const authorization = request.headers.authorization ?? "";
  const service = /\/(ec2|logs|rds|sts|ssm|secretsmanager)\/aws4_request/u.exec(authorization)?.[1];
  const isJson = service === "logs" || service === "ssm" || service === "secretsmanager";
  const body = isJson
    ? JSON.stringify({ __type: "AccessDeniedException", Message: "not authorized" })
    : service === "ec2"
      ? "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>"
      : "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
  response.writeHead(403, { "content-type": isJson ? "application/x-amz-json-1.1" : "text/xml" });
  response.end(body);
};

function allFacts({ network, proxy, ...others }: ControlPlaneFacts): Fact<unknown>[] {
  if (proxy === undefined) throw new Error("The stage of the test has a proxy.");
  return [
    ...Object.values(network),
    ...Object.values(others),
    proxy.itself,
    proxy.targets,
    ...proxy.secrets.map(({ state }) => state),
  ];
}

test("every question may be refused, and each says what is not allowed; none is asked that the policy does not know", async () => {
  const { access } = stack.use(await startAwsStandIn(refuse));
  const options = { access, signal: AbortSignal.timeout(20_000) };
  const log = readProxyLog({ proxy: "postern-dev", since: new Date(), phrases: ["failed"] }, options);
  const facts = [...allFacts(await readControlPlane(manifest, options)), await log];
  const said = facts.map((fact) => (fact.kind === "unknown" ? `${fact.code}: ${fact.because}` : "known"));
  const expected = doctorActions.map((action) => `aws.permission: ${action} is not allowed`);
  expect([...new Set(said)].toSorted()).toEqual(expected.toSorted());
});

test("a silence has its time, and ends no other question", async () => {
  const { access } = stack.use(
    await startAwsStandIn((request, response) => {
      if (/\/rds\//u.test(request.headers.authorization ?? "")) return;
      refuse(request, response);
    }),
  );
  const { database, identity, groups } = await readControlPlane(manifest, {
    access,
    signal: AbortSignal.timeout(20_000),
    limitMs: 300,
  });
  expect(database).toMatchObject({
    kind: "unknown",
    code: "aws.failed",
    because: "rds:DescribeDBInstances was not answered within 0.3 s",
  });
  expect(identity).toMatchObject({ kind: "unknown", code: "aws.permission" });
  expect(groups).toMatchObject({ kind: "unknown", code: "aws.permission" });
});
