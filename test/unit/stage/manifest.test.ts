import type { InferOutput } from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { toPosternError } from "#lib/base/errors.ts";
import type { LongRuns, Manifest } from "#lib/contract.ts";
import { fetchManifest, type manifestSchema, parseManifest } from "#lib/stage/manifest.ts";
import { awsError, startFakeAws } from "./fake-aws.ts";

const manifest: Manifest = {
  version: 1,
  app: "postern",
  stage: "dev",
  region: "eu-central-1",
  protected: false,
  database: { host: "db.internal", port: 5432, name: "app", instanceId: "postern-dev" },
  functions: { runner: "postern-dev-runner", inspect: "postern-dev-inspect", health: "postern-dev-health" },
  healthUrl: "https://example.lambda-url.eu-central-1.on.aws/",
  secrets: { health: "postern/dev/health" },
  bundle: { version: "0.1.0", migrationsHash: "00" },
  bastions: [],
};

/** All that a stage can publish, with names as long as AWS makes them. */
const account = "arn:aws:ecs:ap-southeast-4:123456789012";
const full: Manifest = {
  ...manifest,
  stage: "a".repeat(31),
  region: "ap-southeast-4",
  protected: true,
  database: { host: longHost("instance"), port: 5432, name: "d".repeat(63), instanceId: "i".repeat(63) },
  proxy: { host: longHost("proxy"), port: 5432, name: "p".repeat(63) },
  functions: { runner: "r".repeat(64), inspect: "i".repeat(64), health: "h".repeat(64) },
  healthUrl: `https://${"u".repeat(32)}.lambda-url.ap-southeast-4.on.aws/`,
  secrets: {
    master: longSecret("master"),
    migrator: longSecret("migrator"),
    app: longSecret("app"),
    health: longSecret("health"),
    readonly: longSecret("readonly"),
    operator: longSecret("operator"),
  },
  bundle: {
    version: "10.10.10",
    gitCommit: `${"c".repeat(40)}-dirty`,
    migrationsHash: "0".repeat(64),
    seedsHash: "1".repeat(64),
    schemaHash: "2".repeat(64),
  },
  bastions: ["i-0123456789abcdef0", "i-0123456789abcdef1"],
  tunnel: { documentName: `postern-${"a".repeat(31)}-tunnel` },
  longRuns: {
    cluster: `${account}:cluster/postern-${"a".repeat(31)}`,
    taskDefinition: `${account}:task-definition/postern-${"a".repeat(31)}-runner:123`,
    container: "runner",
    subnets: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1", "subnet-0123456789abcdef2"],
    securityGroup: "sg-0123456789abcdef0",
  },
};

function longHost(kind: string): string {
  return `${kind.padEnd(63, "x")}.${kind}-c9akciq32abc.ap-southeast-4.rds.amazonaws.com`;
}

function longSecret(owner: string): string {
  return `arn:aws:secretsmanager:ap-southeast-4:123456789012:secret:postern/${"a".repeat(31)}/${owner}-AbCdEf`;
}

test("schema and contract describe the same manifest", () => {
  type Parsed = InferOutput<typeof manifestSchema>;
  expectTypeOf<Parsed>().toExtend<Manifest>();
  expectTypeOf<Manifest>().toExtend<Parsed>();
  expectTypeOf<keyof Parsed>().toEqualTypeOf<keyof Manifest>();
  expectTypeOf<keyof Parsed["database"]>().toEqualTypeOf<keyof Manifest["database"]>();
  expectTypeOf<keyof Parsed["secrets"]>().toEqualTypeOf<keyof Manifest["secrets"]>();
  expectTypeOf<keyof Parsed["bundle"]>().toEqualTypeOf<keyof Manifest["bundle"]>();
  expectTypeOf<keyof NonNullable<Parsed["proxy"]>>().toEqualTypeOf<keyof NonNullable<Manifest["proxy"]>>();
  expectTypeOf<keyof NonNullable<Parsed["tunnel"]>>().toEqualTypeOf<keyof NonNullable<Manifest["tunnel"]>>();
  expectTypeOf<keyof NonNullable<Parsed["longRuns"]>>().toEqualTypeOf<keyof LongRuns>();
});

describe("parsing", () => {
  test("keeps what it knows and passes over what a newer stage adds", () => {
    expect(parseManifest(JSON.stringify({ ...manifest, future: true }), "/x")).toEqual(manifest);
  });

  test("keeps everything that a stage can publish, which fits into a standard parameter", () => {
    const json = JSON.stringify(full);
    expect(parseManifest(json, "/x")).toEqual(full);
    // https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
    expect(Buffer.byteLength(json)).toBeLessThanOrEqual(4096);
  });

  test.each([
    ["tunnel.documentName", { tunnel: {} }],
    ["tunnel.documentName", { tunnel: { documentName: "" } }],
    ["tunnel", { tunnel: null }],
    ["longRuns.subnets", { longRuns: { ...full.longRuns, subnets: [] } }],
    ["longRuns.subnets", { longRuns: { ...full.longRuns, subnets: undefined } }],
    ["longRuns.securityGroup", { longRuns: { ...full.longRuns, securityGroup: 7 } }],
    ["longRuns.cluster", { longRuns: { taskDefinition: "postern-dev-runner" } }],
  ])("a tunnel and long runs are whole or absent: names %s", (key, changes) => {
    expect(() => parseManifest(JSON.stringify({ ...full, ...changes }), "/x")).toThrow(
      expect.objectContaining({ code: "config.invalid", message: expect.stringContaining(`${key}: `) }),
    );
  });

  test("reports every problem at once", () => {
    const broken = JSON.stringify({ ...manifest, stage: 7, database: { ...manifest.database, port: 0 } });
    expect(() => parseManifest(broken, "/postern/dev/manifest")).toThrow(
      expect.objectContaining({
        code: "config.invalid",
        message: expect.stringMatching(/\/postern\/dev\/manifest.*stage:.*database\.port:/),
      }),
    );
  });

  test.each(["", "{", "null", "[]", '{"version":2}'])("refuses %j", (text) => {
    expect(() => parseManifest(text, "/x")).toThrow(expect.objectContaining({ code: "config.invalid" }));
  });
});

describe("fetching", () => {
  test("reads the stage's parameter", async () => {
    await using aws = await startFakeAws(() => ({
      status: 200,
      body: { Parameter: { Name: "/postern/dev/manifest", Value: JSON.stringify(manifest) } },
    }));
    expect(await fetchManifest({ stage: "dev", access: aws.access })).toEqual(manifest);
    expect(JSON.parse(aws.requests[0]?.body ?? "")).toEqual({ Name: "/postern/dev/manifest" });
  });

  test("a stage that is not there is named with the region that was asked", async () => {
    await using aws = await startFakeAws(() => awsError("ParameterNotFound", ""));
    await expect(fetchManifest({ stage: "nope", access: aws.access })).rejects.toMatchObject({
      code: "stage.unknown",
      message: expect.stringMatching(/nope.*eu-central-1/),
    });
  });

  test.each([
    ["ExpiredTokenException", "aws.credentials"],
    ["UnrecognizedClientException", "aws.credentials"],
    ["AccessDeniedException", "aws.permission"],
    ["ValidationException", "aws.failed"],
  ])("%s becomes %s and names the call, never the key", async (name, code) => {
    await using aws = await startFakeAws(() => awsError(name, "the text of AWS"));
    await expect(fetchManifest({ stage: "dev", access: aws.access })).rejects.toMatchObject({
      code,
      message: expect.stringContaining("ssm:GetParameter"),
    });
    const error = await fetchManifest({ stage: "dev", access: aws.access }).catch((reason: unknown) => reason);
    expect(toPosternError(error).message).not.toContain("never-printed");
  });

  test("for credentials that the local stage does not know the hint is about that stage", async () => {
    await using aws = await startFakeAws(() => awsError("UnrecognizedClientException", ""));
    const request = { stage: "local", access: { ...aws.access, source: "local-stage" } } as const;
    await expect(fetchManifest(request)).rejects.toMatchObject({
      code: "aws.credentials",
      hint: expect.stringMatching(/^(?!.*sso).*npm run local/u),
    });
  });

  test("a session that has expired is a matter of signing in, on a local stage that plays it, too", async () => {
    await using aws = await startFakeAws(() => awsError("ExpiredTokenException", ""));
    const request = { stage: "local", access: { ...aws.access, source: "local-stage" } } as const;
    const error = await fetchManifest(request).catch((reason: unknown) => reason);
    expect(toPosternError(error).toDocument()).toMatchObject({
      code: "aws.credentials",
      hint: expect.stringContaining("aws sso login"),
    });
  });

  test("an endpoint where nobody listens is a stage that is not running when the local stage left it", async () => {
    const aws = await startFakeAws(() => undefined);
    await aws[Symbol.asyncDispose]();
    const request = { stage: "local", access: { ...aws.access, source: "local-stage" } } as const;
    await expect(fetchManifest(request)).rejects.toMatchObject({ code: "stage.not-running" });
    await expect(fetchManifest({ stage: "dev", access: aws.access })).rejects.toMatchObject({ code: "aws.failed" });
  });

  test("an endpoint that is no URL is named: it may come from a profile", async () => {
    await using aws = await startFakeAws(() => undefined);
    const access = { ...aws.access, endpoint: "nonsense" };
    await expect(fetchManifest({ stage: "dev", access })).rejects.toMatchObject({
      code: "config.invalid",
      message: expect.stringContaining('"nonsense"'),
      hint: expect.stringContaining("endpoint_url"),
    });
  });

  test("an abort ends the call", async () => {
    await using aws = await startFakeAws(() => undefined);
    const signal = AbortSignal.abort();
    await expect(fetchManifest({ stage: "dev", access: aws.access, signal })).rejects.toMatchObject({
      code: "aborted",
    });
  });

  test.each(["", "Dev", "1a", "a--b", "a-", "-a", "a_b", "a/b", "../x", "a".repeat(32)])(
    "refuses the name %j without asking AWS",
    async (stage) => {
      await using aws = await startFakeAws(() => undefined);
      await expect(fetchManifest({ stage, access: aws.access })).rejects.toMatchObject({ code: "usage.invalid" });
      expect(aws.requests).toEqual([]);
    },
  );
});
