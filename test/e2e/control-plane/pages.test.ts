import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { readControlPlane } from "#lib/control-plane/read-control-plane.ts";
import { startAwsStandIn } from "../../support/control-plane/aws-stand-in.ts";
import { manifest } from "../../support/control-plane/control-plane-facts.ts";

/** Two pages of each answer that has pages: the first names the second. */
const pages: Readonly<Record<string, (page: 1 | 2) => string>> = {
  DescribeInstances: (page) =>
    `<reservationSet><item><instancesSet><item><instanceId>i-${page}</instanceId></item></instancesSet></item></reservationSet>`,
  DescribeRouteTables: (page) => `<routeTableSet><item><routeTableId>rtb-${page}</routeTableId></item></routeTableSet>`,
  DescribeSecurityGroups: (page) => `<securityGroupInfo><item><groupId>sg-${page}</groupId></item></securityGroupInfo>`,
  DescribeEvents: (page) =>
    `<Events><Event><Message>event ${page}</Message><Date>2026-01-0${page}T00:00:00Z</Date></Event></Events>`,
  DescribeDBProxyTargets: (page) => `<Targets><member><RdsResourceId>db-${page}</RdsResourceId></member></Targets>`,
};

function answerPage(form: URLSearchParams): string {
  const action = form.get("Action") ?? "";
  const page = (form.get("NextToken") ?? form.get("Marker")) === null ? 1 : 2;
  const members = pages[action]?.(page) ?? "";
  const isEc2 = form.get("Version") === "2016-11-15";
  const next = page === 2 ? "" : isEc2 ? "<nextToken>more</nextToken>" : "<Marker>more</Marker>";
  const result = `${members}${pages[action] === undefined ? "" : next}`;
  return isEc2
    ? `<${action}Response>${result}</${action}Response>`
    : `<${action}Response><${action}Result>${result}</${action}Result></${action}Response>`;
}

/** JSON is Systems Manager's; the others ask with a form and are answered in XML. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  if (request.headers["x-amz-target"] === undefined) {
    response.setHeader("content-type", "text/xml");
    response.end(answerPage(new URLSearchParams(body)));
    return;
  }
  const { NextToken } = JSON.parse(body) as { readonly NextToken?: string };
  const InstanceInformationList = [{ InstanceId: NextToken === undefined ? "i-1" : "i-2", PingStatus: "Online" }];
  response.setHeader("content-type", "application/x-amz-json-1.1");
  response.end(JSON.stringify({ InstanceInformationList, ...(NextToken === undefined ? { NextToken: "more" } : {}) }));
}

function both(key: string, prefix: string) {
  const values = [1, 2].map((page): unknown => expect.objectContaining({ [key]: `${prefix}${page}` }));
  return { kind: "known", value: expect.arrayContaining(values) as unknown };
}

test("what AWS gives in pages is read to the end", async () => {
  await using standIn = await startAwsStandIn((request, response) => void answer(request, response));
  const { network, groups, events, proxy } = await readControlPlane(manifest, {
    access: standIn.access,
    signal: AbortSignal.timeout(20_000),
    limitMs: 10_000,
  });
  expect(network.instances).toMatchObject(both("id", "i-"));
  expect(network.routeTables).toMatchObject(both("id", "rtb-"));
  expect(network.agents).toMatchObject(both("instanceId", "i-"));
  expect(groups).toMatchObject(both("id", "sg-"));
  expect(events).toMatchObject(both("message", "event "));
  expect(proxy?.targets).toMatchObject(both("id", "db-"));
});
