import { answerKeyCall, answerRdsCall } from "./existing-databases.ts";
import { secret } from "./secret-wire.ts";

/** What AWS would answer, as far as a program reads it: ids, addresses and ARNs that look like the real ones. */

export const evaluatedRegion = "eu-central-1";
const accountId = "123456789012";
const existingVpcId = "vpc-0123456789abcdef0";

export type Inputs = Record<string, unknown>;
export type NewResource = {
  readonly type: string;
  readonly name: string;
  readonly inputs: Inputs;
  readonly id?: string;
};

/** The state of a resource after it was made: its inputs and what AWS adds. */
export function stateOf(region: string, resource: NewResource): Inputs {
  const { name, inputs, type } = resource;
  const service = type.split(":")[1]?.split("/")[0] ?? "";
  const arn = `arn:aws:${service}:${service === "iam" ? "" : region}:${accountId}:${name}`;
  return { arn, name, ...inputs, ...addedState(region, resource) };
}

function addedState(region: string, { type, name, inputs }: NewResource): Inputs {
  const rdsDomain = `abc.${region}.rds.amazonaws.com`;
  switch (type) {
    case "aws:ec2/eip:Eip":
      return { publicIp: "203.0.113.10", allocationId: `eipalloc-${name}` };
    case "aws:ec2/instance:Instance":
      return { primaryNetworkInterfaceId: `eni-${name}`, publicIp: "203.0.113.11", privateIp: "10.0.0.9" };
    case "aws:rds/instance:Instance": {
      const address = `${text(inputs["identifier"] ?? name)}.${rdsDomain}`;
      const masterUserSecrets = inputs["manageMasterUserPassword"]
        ? [{ secretArn: `arn:aws:secretsmanager:${region}:${accountId}:secret:rds!db-${name}`, secretStatus: "active" }]
        : [];
      return {
        endpoint: `${address}:5432`,
        address,
        port: 5432,
        availabilityZone: `${region}a`,
        resourceId: "db-MOCK",
        masterUserSecrets,
      };
    }
    case "aws:rds/proxy:Proxy":
      return { endpoint: `${text(inputs["name"] ?? name)}.proxy-${rdsDomain}` };
    case "aws:lambda/functionUrl:FunctionUrl":
      return { functionUrl: `https://${name.toLowerCase()}.lambda-url.${region}.on.aws/` };
    case "aws:lambda/function:Function":
      return {
        invokeArn: `arn:aws:apigateway:${region}:lambda:path/x`,
        version: "$LATEST",
        qualifiedArn: `arn:aws:lambda:${region}:${accountId}:function:${name}:1`,
        lastModified: "2026-01-01",
      };
    case "random:index/randomPassword:RandomPassword":
      return { result: secret("x".repeat(Number(inputs["length"] ?? 32))) };
    case "random:index/randomBytes:RandomBytes": {
      const bytes = Buffer.alloc(Number(inputs["length"]), 7);
      return { base64: bytes.toString("base64"), hex: bytes.toString("hex") };
    }
    case "tls:index/privateKey:PrivateKey":
      return {
        privateKeyOpenssh: secret("a private key"),
        publicKeyOpenssh: "ssh-rsa AAAA",
        privateKeyPem: secret("a private key"),
        publicKeyPem: "ssh-rsa AAAA",
      };
    default:
      return {};
  }
}

/** Answers of the data sources that are known; the caller fails on any other. */
export function answerCall(region: string, token: string, inputs: Inputs): Inputs | undefined {
  switch (token) {
    case "aws:index/getAvailabilityZones:getAvailabilityZones":
      return zones(region, inputs);
    case "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings":
      return { locations: typeOfferings(region, inputs), id: region };
    case "aws:index/getPartition:getPartition":
      return { partition: "aws", dnsSuffix: "amazonaws.com", id: "aws", reverseDnsPrefix: "com.amazonaws" };
    case "aws:index/getRegion:getRegion":
      return { region, name: region, id: region, description: "", endpoint: "" };
    case "aws:index/getCallerIdentity:getCallerIdentity":
      return { accountId, arn: `arn:aws:iam::${accountId}:root`, userId: accountId, id: accountId };
    case "aws:ec2/getAmi:getAmi":
      if (JSON.stringify(inputs["filters"]).includes("withdrawn")) throw new Error("Your query returned no results");
      return { id: "ami-0123456789abcdef0", imageId: "ami-0123456789abcdef0", architecture: "arm64" };
    case "aws:ec2/getVpc:getVpc":
      return vpc(text(inputs["id"]));
    case "aws:ec2/getSubnets:getSubnets":
      return {
        ids: JSON.stringify(inputs["tags"]).includes("placed") ? ["subnet-placed-a", "subnet-placed-b"] : [],
        id: region,
      };
    case "aws:ec2/getSubnet:getSubnet":
      return subnet(region, text(inputs["id"]));
    case "aws:ec2/getRouteTables:getRouteTables":
      return { ids: routeTablesOf(inputs), id: region };
    case "aws:ec2/getRouteTable:getRouteTable":
      return { ...inputs, id: inputs["routeTableId"], routes: routesOf(text(inputs["routeTableId"])) };
    case "aws:ecr/getAuthorizationToken:getAuthorizationToken":
      return { id: region, userName: "AWS", password: secret("a registry password"), proxyEndpoint: "https://ecr" };
    case "aws:kms/getKey:getKey":
      return answerKeyCall(inputs);
    case "aws:iam/getPolicyDocument:getPolicyDocument":
      return policyDocument(inputs);
    default:
      return answerRdsCall(token, inputs, existingVpcId);
  }
}

/** The last zone has the id of one that no stage can use. */
const zoneIds = { a: "euc1-az2", b: "euc1-az3", c: "euc1-az1", d: "use1-az3" };

function zones(region: string, { excludeZoneIds = [] }: { excludeZoneIds?: string[] }): Inputs {
  const found = Object.entries(zoneIds).filter(([, id]) => !excludeZoneIds.includes(id));
  return { names: found.map(([zone]) => region + zone), zoneIds: found.map(([, id]) => id), id: region };
}

/** `c7g.nano` is offered in the second zone and the third. */
function typeOfferings(region: string, inputs: Inputs): string[] {
  const isRare = JSON.stringify(inputs["filters"]).includes("c7g.nano");
  return (isRare ? ["b", "c"] : ["a", "b", "c"]).map((zone) => region + zone);
}

/** `vpc-of-STAGE` is of a stage that was deployed before. */
function vpc(id: string): Inputs {
  const stage = /^vpc-of-(.+)$/.exec(id)?.[1];
  const own = { cidrBlock: "10.42.0.0/16", tags: { "postern:app": "postern", "postern:stage": stage } };
  return { id, cidrBlock: "10.9.0.0/16", tags: {}, enableDnsHostnames: true, ...(stage === undefined ? {} : own) };
}

/** Of the stage `placed`, which was deployed before. */
const privateRanges: Record<string, string> = {
  "subnet-placed-a": "10.42.32.0/19",
  "subnet-placed-b": "10.42.96.0/19",
};

/**
 * The last part of a subnet's id is its zone: `subnet-public-b` has a way to the internet, `subnet-main-a` no own route table,
 * `subnet-isolated-a` no way out.
 */
function subnet(region: string, id: string): Inputs {
  if (id.includes("gone")) throw new Error("no matching EC2 Subnet found");
  const zone = (/-([a-d])$/.exec(id)?.[1] ?? "a") as keyof typeof zoneIds;
  const cidrBlock = privateRanges[id] ?? "10.9.1.0/24";
  const place = { availabilityZone: region + zone, availabilityZoneId: zoneIds[zone] };
  return { id, ...place, cidrBlock, vpcId: existingVpcId };
}

function routeTablesOf(inputs: Inputs): string[] {
  const [filter] = inputs["filters"] as { name: string; values: string[] }[];
  const value = filter?.values[0] ?? "";
  if (filter?.name === "association.main") return ["rtb-main-public"];
  return value.includes("main") ? [] : [`rtb-${value}`];
}

function routesOf(routeTableId: string): Inputs[] {
  if (routeTableId.includes("isolated")) return [{ cidrBlock: "10.9.0.0/16", gatewayId: "local", natGatewayId: "" }];
  const isPublic = routeTableId.includes("public");
  return [{ cidrBlock: "0.0.0.0/0", gatewayId: isPublic ? "igw-1" : "", natGatewayId: isPublic ? "" : "nat-1" }];
}

type Statement = {
  sid?: string;
  effect?: string;
  actions?: string[];
  notActions?: string[];
  resources?: string[];
  principals?: { type: string; identifiers: string[] }[];
  conditions?: unknown[];
};

function policyDocument(inputs: Inputs): Inputs {
  const statements = (inputs["statements"] ?? []) as Statement[];
  const document = {
    Version: "2012-10-17",
    Statement: statements.map(({ sid, effect, actions, notActions, resources, principals, conditions }) => ({
      Sid: sid,
      Effect: effect ?? "Allow",
      Action: actions,
      NotAction: notActions,
      Resource: resources,
      Principal: principals && Object.fromEntries(principals.map(({ type, identifiers }) => [type, identifiers])),
      Condition: conditions,
    })),
  };
  return { ...inputs, id: "document", json: JSON.stringify(document), minifiedJson: JSON.stringify(document) };
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`expected text, got ${JSON.stringify(value)}`);
  return value;
}
