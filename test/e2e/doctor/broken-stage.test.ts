import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type BreakName, breaks } from "#lib/local/stage/breaks/breaks.ts";
import { clusterPath, removePostgresData } from "#lib/local/postgres/home.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import { repositoryRoot, runCommand } from "../../support/command-line.ts";
import { type Program, startProgram } from "../../support/program.ts";
import { makeDataFolder } from "../../support/run-folder.ts";
import { waitFor } from "../../support/wait-for.ts";

type Expected = {
  readonly codes: readonly string[];
  /** In the evidence: what differs in AWS, and what the walks saw by it. */
  readonly evidence?: readonly RegExp[];
  readonly fix?: RegExp;
  /** Probes of AWS's that have no tick, though they are not the root. */
  readonly follow?: readonly string[];
};

const repair = /^Run `postern repair-nat --stage local --data \/\S+`/u;

/** What the doctor says of a local stage that is broken so. A break that is missing here is a type error. */
const expectations: Readonly<Record<BreakName, Expected>> = {
  "bastion-address": {
    codes: ["aws.bastion-address-stale"],
    evidence: [/attached to nothing, not attached to i-/u, /from here, transport/u, /inside the VPC, secret/u],
    fix: repair,
  },
  "bastion-stopped": {
    codes: ["aws.bastion-stopped"],
    evidence: [/is stopped, not running/u],
    fix: repair,
    follow: ["addresses", "routes", "agents"],
  },
  "bastion-terminated": {
    codes: ["aws.bastion-address-stale"],
    evidence: [/no such instance/u],
    fix: /sst refresh .*sst deploy/u,
    follow: ["addresses", "routes", "agents"],
  },
  "agent-offline": {
    codes: ["aws.agent-offline"],
    evidence: [/ConnectionLost since/u, /inside the VPC, everything works/u],
    fix: repair,
  },
  "source-dest-check": { codes: ["aws.route"], evidence: [/source\/destination check on/u], fix: repair },
  "nat-route": {
    codes: ["aws.route"],
    evidence: [/has no route for 0\.0\.0\.0\/0/u, /from here, everything works/u],
    fix: repair,
  },
  "nat-route-stale": { codes: ["aws.route"], evidence: [/blackhole/u], fix: repair },
  "security-group": {
    codes: ["aws.security-group"],
    evidence: [/the bastion cannot connect to the database/u, /Nothing answers the bastion/u],
  },
  "database-stopped": {
    codes: ["aws.database-unavailable"],
    evidence: [/is stopped, not available; RDS at/u],
    fix: /start-db-instance/u,
  },
  "proxy-target": {
    codes: ["aws.proxy-target"],
    evidence: [
      /UNAVAILABLE \(AUTH_FAILURE/u,
      /the proxy's log at \S+: password authentication failed for user "postern_/u,
    ],
    fix: /secret and the role together.*`postern setup`/u,
    follow: ["proxy-log"],
  },
  "permission-ec2": { codes: ["ok"] },
  credentials: { codes: ["aws.credentials"] },
  // A function that has read it knows it for a while.
  "secret-missing": { codes: ["secret.missing", "ok"] },
  "tunnel-document-missing": { codes: ["ssm.document-missing"] },
  "inspect-missing": { codes: ["lambda.missing"], evidence: [/inspect: .*Function not found/u] },
};

let stage: Program;
let folder: string;

beforeAll(async () => {
  folder = await makeDataFolder();
  const ports = ["--port", "0", "--aws-port", "0", "--health-port", "0"];
  stage = startProgram(
    join(repositoryRoot, "scripts", "cli.ts"),
    ["local", "--json", ...ports, "--data", join(folder, "local")],
    { cwd: repositoryRoot, env: { PATH: process.env["PATH"] } },
  );
  await stage.nextDocument();
}, 120_000);

afterEach(async () => {
  await tinker("--mend");
  await waitFor("the stage is well again", async () => (await examine()).exitCode === 0, 60_000);
}, 90_000);

afterAll(async () => {
  await stage.end("SIGTERM");
  await removePostgresData(join(folder, "local", "postgres"));
  await rm(folder, { recursive: true, force: true });
}, 60_000);

function onStage(): readonly string[] {
  return ["--data", join(folder, "local")];
}

async function tinker(...flags: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runCommand(["local", ...flags, ...onStage()]);
  if (exitCode !== 0) throw new Error(`local ${flags.join(" ")} ended with ${exitCode}: ${stderr}`);
}

async function examine() {
  const { exitCode, json } = await runCommand(["doctor", "--stage", "local", "--json", ...onStage()]);
  return { exitCode, report: json() as DoctorReport };
}

test("a stage that is well has no finding, no warning and no failed probe of AWS's", async () => {
  const { exitCode, report } = await examine();
  expect(exitCode).toBe(0);
  const ofAws = report.probes.filter(({ vantage }) => vantage === "aws");
  expect(ofAws.length).toBeGreaterThan(8);
  expect(ofAws.filter(({ ok, warning }) => !ok || warning !== undefined)).toEqual([]);
});

test.each(Object.keys(breaks) as BreakName[])("a stage that is broken by %s is said to be", async (name) => {
  const { codes, evidence = [], fix = /./u, follow = [] } = expectations[name];
  await tinker("--break", name);
  const { exitCode, report } = await examine();
  expect(codes).toContain(report.verdict.code);
  for (const part of evidence) expect(report.verdict.evidence).toMatch(part);
  expect(report.verdict.fix).toMatch(fix);
  const ticked = report.probes.filter((one) => one.vantage === "aws" && one.ok && one.warning === undefined);
  expect(ticked.map((one) => one.name).filter((one) => follow.includes(one))).toEqual([]);
  expect(exitCode).toBe(report.verdict.code === "ok" ? 0 : 1);
});

test("what may not be asked is said to be skipped, in each probe that would have needed it", async () => {
  await tinker("--break", "permission-ec2");
  const { report } = await examine();
  const skipped = report.probes.filter(({ detail }) => detail.startsWith("not looked at: "));
  expect(skipped.map(({ name }) => name).toSorted()).toEqual(["addresses", "instances", "routes", "security-groups"]);
});

test("a dead way out is ranked first where EC2 may not be asked, with what would settle it", async () => {
  await tinker("--break", "permission-ec2");
  await tinker("--break", "nat-route");
  const { verdict } = (await examine()).report;
  expect(verdict.code).toBe("ambiguous");
  expect(verdict.ranked?.map(({ code }) => code)).toEqual(["aws.route", "aws.failed"]);
  expect(verdict.ranked?.[0]?.settle).toMatch(/repair-nat --stage local`.*ec2:DescribeRouteTables is not allowed/u);
});

test("a database that is frozen is seen from inside, where it accepts and says nothing", async () => {
  const cluster = clusterPath(join(folder, "local", "postgres"));
  const [pid] = (await readFile(join(cluster, "postmaster.pid"), "utf8")).split("\n");
  process.kill(Number(pid), "SIGSTOP");
  try {
    const { verdict } = (await examine()).report;
    expect(verdict).toMatchObject({
      code: "endpoint.silent",
      evidence: expect.stringMatching(/^from inside the VPC, /u),
    });
  } finally {
    process.kill(Number(pid), "SIGCONT");
  }
});
