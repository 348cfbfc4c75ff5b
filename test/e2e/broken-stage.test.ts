import { readFile, rm } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import {
  AssociateAddressCommand,
  CreateRouteCommand,
  DescribeAddressesCommand,
  DescribeInstancesCommand,
  DescribeRouteTablesCommand,
  EC2Client,
  StartInstancesCommand,
} from "@aws-sdk/client-ec2";
import { DescribeInstanceInformationCommand, SSMClient, StartSessionCommand } from "@aws-sdk/client-ssm";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { removePostgresData } from "#lib/local/postgres/home.ts";
import { breaks } from "#lib/local/stage/breaks/breaks.ts";
import { errorOf } from "../support/aws-endpoint.ts";
import { repositoryRoot, runCommand } from "../support/command-line.ts";
import { type Program, startProgram } from "../support/program.ts";
import { makeDataFolder } from "../support/run-folder.ts";
import { waitFor } from "../support/wait-for.ts";

type Damage = { readonly broken: readonly string[]; readonly reach: object };

const stack = new AsyncDisposableStack();
const document = { Target: "i-00000000000010ca1", DocumentName: "postern-local-tunnel" };
let dataDir: string;
let stage: Program;
let port: number;
let ec2: EC2Client;
let ssm: SSMClient;

beforeAll(async () => {
  const folder = await makeDataFolder();
  dataDir = join(folder, "local");
  stack.defer(async () => {
    await removePostgresData(join(dataDir, "postgres"));
    await rm(folder, { recursive: true, force: true });
  });
  const ports = ["--port", "0", "--aws-port", "0", "--health-port", "0"];
  stage = stack.use(
    startProgram(join(repositoryRoot, "scripts", "cli.ts"), ["local", "--json", ...ports, "--data", dataDir], {
      cwd: repositoryRoot,
      env: { PATH: process.env["PATH"] },
    }),
  );
  ({
    database: { port },
  } = (await stage.nextDocument()) as { database: { port: number } });
  const { url, region, accessKeyId, secretAccessKey } = JSON.parse(
    await readFile(join(dataDir, "aws.json"), "utf8"),
  ) as Record<"url" | "region" | "accessKeyId" | "secretAccessKey", string>;
  const config = { endpoint: url, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 };
  ec2 = stack.adopt(new EC2Client(config), (client) => client.destroy());
  ssm = stack.adopt(new SSMClient(config), (client) => client.destroy());
}, 60_000);
afterEach(async () => {
  await local("--mend");
});
afterAll(() => stack.disposeAsync());

describe("what can be broken", () => {
  test("is listed, each with a line", async () => {
    const list = await runCommand(["local", "--break"]);
    expect(list.exitCode).toBe(0);
    const rows = list.stdout
      .trim()
      .split("\n")
      .map((row) => /^(\S+) +(.*)$/u.exec(row)?.slice(1));
    expect(rows).toEqual(Object.entries(breaks).map(([name, { line }]) => [name, line]));
  });

  test("is listed, too, to whoever names something else", async () => {
    const refused = await runCommand(["local", "--break", "everything", "--data", dataDir]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("--break everything: there is no such break.");
    expect(refused.stderr).toContain(breaks["nat-route"].line);
  });

  test("is only what runs", async () => {
    const refused = await runCommand(["local", "--break", "nat-route", "--data", `${dataDir}-other`, "--json"]);
    expect(refused.exitCode).toBe(2);
    expect(refused.json()).toMatchObject({ error: { code: "stage.not-running" } });
  });

  test("is broken by who has the token, and nobody else", async () => {
    const { url, token } = JSON.parse(await readFile(join(dataDir, "control.json"), "utf8")) as Record<string, string>;
    const ask = async (headers: Record<string, string>, body: string) =>
      (await fetch(url ?? "", { method: "POST", headers, body })).status;
    const body = JSON.stringify({ do: "look" });
    expect(await ask({}, body)).toBe(403);
    expect(await ask({ authorization: "Bearer " }, body)).toBe(403);
    expect(await ask({ authorization: `Bearer ${token}` }, body)).toBe(200);
    expect(await ask({ authorization: `Bearer ${token}` }, "{}")).toBe(400);
    expect(await ask({ authorization: `Bearer ${token}` }, JSON.stringify({ do: "break", name: "x" }))).toBe(400);
  });

  test("is not what the other flags are for", async () => {
    const refused = await runCommand(["local", "--break", "nat-route", "--check", "--data", dataDir]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("--break and --check exclude each other");
  });
});

describe("sessions", () => {
  test("end with the bastion, are refused while it is stopped, and come back when it is started", async () => {
    await using tunnel = await openTunnel();
    expect(await tunnel.next("up")).toBe("up");
    expect(await broken("bastion-stopped")).toEqual(["bastion-stopped"]);
    expect(await errorOf(ssm.send(new StartSessionCommand(document)))).toMatchObject({ name: "TargetNotConnected" });
    expect(await tunnel.next("reconnecting")).toBe("reconnecting");

    await ec2.send(new StartInstancesCommand({ InstanceIds: [document.Target] }));
    expect(await tunnel.next("up")).toBe("up");
    expect(await states()).toEqual(["running", "Online"]);
    expect(await local("look")).toMatchObject({ broken: [] });
  });

  test("are refused without an Elastic IP, which it takes to get out, and come back with it", async () => {
    await broken("bastion-address");
    expect(await errorOf(ssm.send(new StartSessionCommand(document)))).toMatchObject({ name: "TargetNotConnected" });
    expect(await states()).toEqual(["running", "ConnectionLost"]);
    const { Addresses } = await ec2.send(new DescribeAddressesCommand({}));
    const AllocationId = Addresses?.[0]?.AllocationId;
    await ec2.send(new AssociateAddressCommand({ AllocationId, InstanceId: document.Target }));
    await waitFor("the agent is back", async () => (await states())[1] === "Online", 30_000);
    await ssm.send(new StartSessionCommand(document));
  });

  test("need their document", async () => {
    await broken("tunnel-document-missing");
    expect(await errorOf(ssm.send(new StartSessionCommand(document)))).toMatchObject({ name: "InvalidDocument" });
  });
});

test("without a way out a function does not reach its secrets, until there is a route again", async () => {
  await broken("nat-route");
  const cutOff = await setup();
  expect(cutOff.exitCode).toBe(2);
  expect(cutOff.json()).toMatchObject({ error: { code: "aws.failed" } });

  const { RouteTables = [] } = await ec2.send(
    new DescribeRouteTablesCommand({ Filters: [{ Name: "tag:Name", Values: privateTables }] }),
  );
  expect(RouteTables).toHaveLength(2);
  const NetworkInterfaceId = (await bastion())?.NetworkInterfaces?.[0]?.NetworkInterfaceId;
  for (const { RouteTableId } of RouteTables) {
    await ec2.send(new CreateRouteCommand({ RouteTableId, DestinationCidrBlock: "0.0.0.0/0", NetworkInterfaceId }));
  }
  expect((await setup()).exitCode).toBe(0);
});

/** It reads the passwords anew each time. */
const setup = async () => runCommand(["setup", "--stage", "local", "--data", dataDir, "--json"]);

const privateTables = [1, 2].map((zone) => `Network private route table ${zone}`);

test("the bastion gets no answer where it is not let in; functions do", async () => {
  await broken("security-group");
  const doctor = await runCommand(["doctor", "--stage", "local", "--data", dataDir, "--json"]);
  const { probes } = doctor.json() as { probes: { name: string; vantage: string; ok: boolean }[] };
  const failed = probes.filter(({ ok }) => !ok).map(({ vantage }) => vantage);
  expect(failed).toContain("here");
  expect(failed).not.toContain("vpc");
});

test("a stopped database listens to nobody, and is back on its port; the stage stays", async () => {
  expect(await listens()).toBe(true);
  await broken("database-stopped");
  expect(await listens()).toBe(false);
  await local("--mend");
  expect(await listens()).toBe(true);
  const status = await runCommand(["status", "--stage", "local", "--data", dataDir, "--json"]);
  expect(status.json()).toMatchObject({ pending: [] });
});

test("health goes through the proxy, and is down while that has no target", async () => {
  expect(await health()).toEqual([0, "ok"]);
  await broken("proxy-target");
  // A report serves everybody who asks within five seconds.
  await waitFor("health is down", async () => (await health())[1] === "down", 30_000);
  const doctor = await runCommand(["doctor", "--stage", "local", "--data", dataDir, "--json"]);
  const { probes } = doctor.json() as { probes: { to?: string; ok: boolean }[] };
  expect(probes.filter(({ to }) => to === "database").every(({ ok }) => ok)).toBe(true);
  expect(probes.filter(({ to }) => to === "proxy").every(({ ok }) => ok)).toBe(false);
  await local("--mend");
  await waitFor("health is ok", async () => (await health())[1] === "ok", 30_000);
});

async function health(): Promise<[number | null, string]> {
  const { exitCode, json } = await runCommand(["health", "--stage", "local", "--data", dataDir, "--json"]);
  return [exitCode, (json() as { status: string }).status];
}

test("a deleted inspect function is not found", async () => {
  await broken("inspect-missing");
  const status = await runCommand(["status", "--stage", "local", "--data", dataDir, "--json"]);
  expect(status.json()).toMatchObject({ error: { message: expect.stringContaining("Function not found") } });
});

async function broken(name: keyof typeof breaks): Promise<readonly string[]> {
  const { broken: names } = await local("--break", name);
  return names;
}

/** `look` asks for nothing that would change anything: a mend would. */
async function local(...args: readonly string[]): Promise<Damage> {
  if (args[0] === "look") {
    const { url, token } = JSON.parse(await readFile(join(dataDir, "control.json"), "utf8")) as Record<string, string>;
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(url ?? "", { method: "POST", headers, body: JSON.stringify({ do: "look" }) });
    return (await answer.json()) as Damage;
  }
  const done = await runCommand(["local", ...args, "--data", dataDir, "--json"]);
  expect(done).toMatchObject({ exitCode: 0 });
  return done.json() as Damage;
}

/** `postern ssm-tunnel`, and what becomes of it. */
async function openTunnel() {
  const args = ["ssm-tunnel", "--stage", "local", "--data", dataDir, "--port", "0", "--json"];
  const program = startProgram(join(repositoryRoot, "scripts", "cli.ts"), args, {
    cwd: repositoryRoot,
    env: { PATH: process.env["PATH"] },
  });
  return {
    /** The next event of that name, those before it passed over. */
    next: async (event: string) => {
      for (let line = await program.nextLine(); line !== undefined; line = await program.nextLine()) {
        if ((JSON.parse(line) as { event: string }).event === event) return event;
      }
      return program.stderr();
    },
    [Symbol.asyncDispose]: async () => void (await program.end("SIGTERM")),
  };
}

async function bastion() {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [document.Target] }));
  return Reservations?.[0]?.Instances?.[0];
}

/** Of the instance and its agent. */
async function states(): Promise<unknown[]> {
  const { InstanceInformationList } = await ssm.send(new DescribeInstanceInformationCommand({}));
  return [(await bastion())?.State?.Name, InstanceInformationList?.[0]?.PingStatus];
}

async function listens(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp({ port, host: "127.0.0.1" }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
