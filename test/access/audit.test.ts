import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { matchesPattern } from "../support/event-pattern.ts";
import { settings } from "./settings.ts";
import { synthesise } from "./synthesise.ts";

const production = synthesise().get("production");
const resources = Object.entries(production?.json.Resources ?? {});
const [, ofProduction] = settings.accounts;

function only(type: string) {
  const found = resources.filter(([, { Type }]) => Type === type);
  expect(found).toHaveLength(1);
  return found[0]?.[1].Properties ?? {};
}

type Event = { readonly detail: { readonly requestParameters: Record<string, unknown> } } & Readonly<
  Record<string, unknown>
>;
const folder = new URL("events/", import.meta.url);
const recorded = (name: string) => JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Event;
const pattern = only("AWS::Events::Rule")["EventPattern"] as Record<string, unknown>;

function withDocument(documentName: string) {
  const event = recorded("tunnel-of-production.json");
  return {
    ...event,
    detail: { ...event.detail, requestParameters: { ...event.detail.requestParameters, documentName } },
  };
}

describe("sessions that are told", () => {
  it.each([
    ["tunnel-of-production.json", true],
    ["any-host.json", true],
    ["shell.json", true],
    ["refused.json", true],
    ["tunnel-of-unprotected.json", false],
    ["athena-session.json", false],
    ["resume.json", false],
  ])("%s: %j", (name, isTold) => {
    expect(matchesPattern(pattern, recorded(name))).toBe(isTold);
  });

  it("every recorded event is looked at", () => {
    expect(readdirSync(folder)).toHaveLength(7);
  });

  it.each([
    ["postern-reports-tunnel", true],
    ["arn:aws:ssm:eu-central-1:222222222222:document/postern-production-tunnel", true],
    ["AWS-StartInteractiveCommand", true],
    ["somebodys-own-forward", true],
    ["postern-tools-eu-tunnel", true],
    ["postern-tools-tunnel", false],
  ])("with the document %s: %j", (documentName, isTold) => {
    expect(matchesPattern(pattern, withDocument(documentName))).toBe(isTold);
  });

  it("are those with any document where every stage is protected", () => {
    const stages = { production: { protected: true } };
    const alone = synthesise({ ...settings, accounts: [{ ...ofProduction, stages }] }).get("production");
    const rules = Object.values(alone?.json.Resources ?? {}).filter(({ Type }) => Type === "AWS::Events::Rule");
    const [whole] = rules.map(({ Properties }) => Properties["EventPattern"] as Record<string, unknown>);
    expect(matchesPattern(whole ?? {}, withDocument("postern-tools-tunnel"))).toBe(true);
    expect(matchesPattern(whole ?? {}, recorded("shell.json"))).toBe(true);
  });
});

describe("the report of a tunnel", () => {
  it("goes to a log that only the rule may write to, and to an encrypted topic", () => {
    const policy = JSON.parse(only("AWS::Logs::ResourcePolicy")["PolicyDocument"] as string) as {
      Statement: unknown[];
    };
    expect(policy.Statement[1]).toMatchObject({
      Action: "logs:PutLogEvents",
      Resource: `arn:aws:logs:eu-central-1:${ofProduction.id}:log-group:/postern-access/tunnels:*`,
      Condition: {
        ArnEquals: { "aws:SourceArn": `arn:aws:events:eu-central-1:${ofProduction.id}:rule/postern-access-tunnels` },
      },
    });
    expect(only("AWS::SNS::Topic")["KmsMasterKeyId"]).toEqual({ Ref: "AuditKey" });
    const { targets } = { targets: only("AWS::Events::Rule")["Targets"] as { Arn: unknown; RoleArn?: unknown }[] };
    expect(targets.map(({ Arn }) => Arn)).toEqual([
      `arn:aws:logs:eu-central-1:${ofProduction.id}:log-group:/postern-access/tunnels`,
      { Ref: "TunnelTopic" },
    ]);
    expect(targets.filter(({ RoleArn }) => RoleArn !== undefined)).toEqual([]);
  });

  it("can be encrypted by whom it passes through, and by nobody else but the account", () => {
    const { Statement } = only("AWS::KMS::Key")["KeyPolicy"] as { Statement: { Principal: Record<string, string> }[] };
    expect(Statement.map(({ Principal }) => Object.values(Principal)[0])).toEqual([
      `arn:aws:iam::${ofProduction.id}:root`,
      "events.amazonaws.com",
      "logs.eu-central-1.amazonaws.com",
    ]);
  });

  it("reads from an event only what events have", () => {
    const [, topic] = only("AWS::Events::Rule")["Targets"] as {
      InputTransformer: { InputPathsMap: Record<string, string>; InputTemplate: string };
    }[];
    const { InputPathsMap: paths, InputTemplate: template } = topic?.InputTransformer ?? {
      InputPathsMap: {},
      InputTemplate: "",
    };
    const [tunnel, refused] = [recorded("tunnel-of-production.json"), recorded("refused.json")];
    for (const [name, path] of Object.entries(paths)) {
      expect([find(tunnel, path), find(refused, path)]).not.toEqual([undefined, undefined]);
      expect(template).toContain(`<${name}>`);
    }
    // Each line is a JSON string: EventBridge refuses another template.
    expect(template.split("\n").map((line) => typeof JSON.parse(line))).toEqual(
      Array.from({ length: 8 }, () => "string"),
    );
  });
});

describe("what is kept", () => {
  it("is kept a year, encrypted, and outlives the stack", () => {
    const logs = resources.filter(([, { Type }]) => Type === "AWS::Logs::LogGroup").map(([, log]) => log);
    expect(logs.map(({ Properties }) => Properties["LogGroupName"])).toEqual([
      "/postern-access/tunnels",
      "/postern-access/sessions",
    ]);
    for (const log of logs) {
      expect(log).toMatchObject({
        DeletionPolicy: "Retain",
        UpdateReplacePolicy: "Retain",
        Properties: { RetentionInDays: 365, KmsKeyId: { "Fn::GetAtt": ["AuditKey", "Arn"] } },
      });
    }
  });

  it("are transcripts of shells only where they are asked for", () => {
    const { Content, Name } = only("AWS::SSM::Document") as {
      Content: { inputs: object; sessionType: string };
      Name: string;
    };
    expect(Name).toBe("SSM-SessionManagerRunShell");
    expect(Content.sessionType).toBe("Standard_Stream");
    expect(Content.inputs).toMatchObject({
      kmsKeyId: { "Fn::GetAtt": ["AuditKey", "Arn"] },
      cloudWatchLogGroupName: "/postern-access/sessions",
      cloudWatchEncryptionEnabled: true,
    });
    const { audit: _, ...without } = ofProduction;
    const plain = synthesise({ ...settings, accounts: [without] }).get("production");
    plain?.template.resourceCountIs("AWS::SSM::Document", 0);
    plain?.template.resourceCountIs("AWS::SNS::Subscription", 0);
    plain?.template.resourceCountIs("AWS::Events::Rule", 1);
  });

  it("is nothing in an account without protected stages", () => {
    const types = Object.values(synthesise().get("development")?.json.Resources ?? {}).map(({ Type }) => Type);
    expect(types.filter((type) => /Events|KMS|SNS|Logs|SSM/.test(type))).toEqual([]);
  });
});

/** What a path as `$.detail.eventTime` finds. */
function find(event: Event, path: string): unknown {
  const keys = path.split(".").slice(1);
  return keys.reduce<unknown>((node, key) => (node as Record<string, unknown> | null | undefined)?.[key], event);
}
