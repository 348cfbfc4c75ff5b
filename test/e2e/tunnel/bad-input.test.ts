import { once } from "node:events";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../../support/command-line.ts";
import { makeTestFolder } from "../../support/postgres.ts";
import { canMountSmallDisk, mountSmallDisk } from "../../support/small-disk.ts";
import { startTunnelBench, type TunnelBench } from "../../support/tunnel-bench.ts";

let bench: TunnelBench;
beforeAll(async () => {
  bench = await startTunnelBench();
});
afterAll(async () => await bench[Symbol.asyncDispose]());

/** The error that a command ends with, and its exit code. Nothing of it may be left running. */
async function failure(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { exitCode, stdout } = await runCommand(args, { env: { ...bench.env, POSTERN_JSON: "1", ...env } });
  const isStream = args[0] === "ssm-tunnel";
  const { error } = JSON.parse(isStream ? (stdout.trimEnd().split("\n").at(-1) ?? "") : stdout) as {
    error: { code: string; message: string; hint: string };
  };
  expect(error.hint).toEqual(expect.stringMatching(/\w/u));
  expect(await readdir(join(bench.stateFolder, "tunnels")).catch(() => [])).toEqual([]);
  expect(await bench.logins()).toEqual([]);
  return { exitCode, code: error.code, message: error.message, hint: error.hint };
}

const noStage = { POSTERN_STAGE: "" };

describe("flags that do not go together are refused before anything is asked", () => {
  test.each([
    [["ssm-tunnel", "--stage", "local", "--target", "i-0abc"], /expected a stage, which knows them/u],
    [["ssm-tunnel", "--stage", "local", "--host", "db"], /expected a stage, which knows them/u],
    [["ssm-tunnel", "--stage", "Not A Stage"], /stage name "Not A Stage" is not valid/u],
    [["ssm-tunnel", "--engine", "plugin"], /--engine goes with --transport ssm, not with direct/u],
    [["ssm-tunnel", "--ssh-host", "bastion"], /--ssh-host goes with --transport ssh, not with direct/u],
    [["ssm-tunnel", "--transport", "ssh"], /needs the server: --ssh-host HOST/u],
    [["ssm-tunnel", "--transport", "carrier-pigeon"], /Allowed choices are ssm, ssh, direct/u],
    [["ssm-tunnel", "--detach", "--exec", "true"], /--detach and --exec do not go together/u],
    [["ssm-tunnel", "--login", "--exec", "true"], /--login and --exec do not go together/u],
    [["ssm-tunnel", "--write"], /--write goes with --login or --exec/u],
    [["ssm-tunnel", "--port", "65536"], /Expected a port from 0 to 65535/u],
    [["ssm-tunnel", "--max-retries", "-1"], /Expected a whole number/u],
    [["ssm-tunnel", "--transport", "ssm", "--sessions", "17"], /Expected a whole number from 1 to 16/u],
    [["ssm-tunnel", "--transport", "ssm", "--engine", "plugin", "--sessions", "2"], /not with --engine plugin/u],
    [["ssm-tunnel", "--bind", ""], /'--bind <address>' argument ''/u],
    [["ssm-tunnel", "--exec", " "], /'--exec <command>' argument ' '/u],
    [["ssm-tunnel", "begin"], /./u],
    [["psql", "--reason", "because"], /--reason goes with --write/u],
    [["psql", "--write", "--reason", "x".repeat(64)], /printable ASCII/u],
  ] as const)("%j", async (args, message) => {
    expect(await failure(args)).toMatchObject({
      exitCode: 2,
      code: "usage.invalid",
      message: expect.stringMatching(message),
    });
  });

  test.each([
    [["ssm-tunnel"], /expected --stage, or --target, --host and --remote-port/u],
    [["ssm-tunnel", "--host", "db"], /missing: --remote-port PORT/u],
    [["ssm-tunnel", "--transport", "ssm", "--target", "i-0abc"], /missing: --host NAME, --remote-port PORT/u],
    [["ssm-tunnel", "--transport", "ssm", "--host", "db", "--remote-port", "1"], /missing: --target i-…/u],
    [
      ["ssm-tunnel", "--transport", "ssm", "--target", "bastion", "--host", "db", "--remote-port", "1"],
      /expected an instance's id/u,
    ],
    [["ssm-tunnel", "--target", "i-0abc", "--host", "db", "--remote-port", "1"], /--target goes with --transport ssm/u],
    [["ssm-tunnel", "--host", "db; rm -rf", "--remote-port", "1"], /expected a host name/u],
    [["ssm-tunnel", "--login", "--host", "db", "--remote-port", "1"], /--login goes with --stage/u],
    [["psql"], /No stage was given/u],
  ] as const)("%j without a stage", async (args, message) => {
    const { POSTERN_STAGE: _stage, ...env } = bench.env;
    const { exitCode, json } = await runCommand([...args, "--json"], { env });
    expect([exitCode, json()]).toMatchObject([
      2,
      { error: { code: "usage.invalid", message: expect.stringMatching(message) } },
    ]);
  });
});

test("a variable does not take the place of what was typed", async () => {
  const { exitCode, code, message } = await failure(["ssm-tunnel", "--stage", "nowhere"], {
    ...bench.awsEnv,
    POSTERN_TARGET: "i-0abc",
  });
  expect([exitCode, code, message]).toEqual([2, "stage.unknown", expect.stringContaining("no stage nowhere")]);
});

test("an AWS endpoint that is no URL is told at once, with and without a stage", async () => {
  const env = { ...bench.awsEnv, AWS_ENDPOINT_URL: "nonsense", POSTERN_TRANSPORT: "ssm" };
  const target = ["--target", "i-0abc", "--host", "db.internal", "--remote-port", "5432"];
  for (const args of [
    ["ssm-tunnel", "--stage", "local"],
    ["ssm-tunnel", ...target],
    ["psql", "--stage", "dev"],
  ]) {
    expect(await failure(args, env)).toMatchObject({
      exitCode: 2,
      code: "config.invalid",
      message: expect.stringContaining('AWS_ENDPOINT_URL is "nonsense"'),
    });
  }
});

test("without credentials it says how to sign in", async () => {
  const nothing = { AWS_CONFIG_FILE: "/nowhere/config", AWS_SHARED_CREDENTIALS_FILE: "/nowhere/credentials" };
  const env = { ...nothing, AWS_ENDPOINT_URL: bench.awsEnv.AWS_ENDPOINT_URL, AWS_REGION: "local" };
  for (const verb of ["ssm-tunnel", "psql"]) {
    expect(await failure([verb, "--stage", "dev"], env)).toMatchObject({
      exitCode: 2,
      code: "aws.credentials",
      hint: expect.stringContaining("aws sso login"),
    });
  }
});

test("with an SSO session that has expired it says how to sign in", async () => {
  await using stack = new AsyncDisposableStack();
  const home = stack.adopt(await makeTestFolder(), async (folder) => rm(folder, { recursive: true }));
  await mkdir(join(home, ".aws", "sso", "cache"), { recursive: true });
  const profile = ["sso_session = work", "sso_account_id = 000000000000", "sso_role_name = dev", "region = local"];
  const session = ["[sso-session work]", "sso_start_url = https://sso.example/start", "sso_region = eu-central-1"];
  await writeFile(join(home, ".aws", "config"), [`[profile work]`, ...profile, ...session, ""].join("\n"));
  const env = { HOME: home, AWS_PROFILE: "work", AWS_ENDPOINT_URL: bench.awsEnv.AWS_ENDPOINT_URL };
  expect(await failure(["ssm-tunnel", "--stage", "dev"], env)).toMatchObject({
    exitCode: 2,
    code: "aws.credentials",
    hint: expect.stringContaining("aws sso login"),
  });
});

test("the local stage that does not run says how to start it", async () => {
  const env = { POSTERN_DATA: "/nowhere" };
  expect(await failure(["psql"], env)).toMatchObject({ code: "stage.not-running", exitCode: 2 });
});

test("a port that is taken is named with who has it", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    expect(await failure(["ssm-tunnel", "--port", String(port)])).toMatchObject({
      exitCode: 2,
      code: "port.taken",
      message: expect.stringMatching(new RegExp(`Port ${port} on 127\\.0\\.0\\.1 .* process ${process.pid} `, "u")),
      hint: expect.stringContaining("--port"),
    });
  } finally {
    server.close();
  }
});

test("a stage without a bastion says which setting it takes", async () => {
  await using closed = await startTunnelBench({ bastions: [] });
  const { exitCode, json } = await runCommand(["ssm-tunnel", "--json"], {
    env: { ...closed.env, POSTERN_TRANSPORT: "ssm" },
  });
  expect([exitCode, json()]).toMatchObject([
    1,
    { error: { code: "stage.no-tunnel", hint: expect.stringContaining('network.bastion: "ssm"') } },
  ]);
});

test("a machine without psql is told how to get it, before anything is opened", async () => {
  expect(await failure(["psql"], { PATH: "/nowhere" })).toMatchObject({
    exitCode: 2,
    code: "psql.missing",
    hint: expect.stringContaining("--psql PATH"),
  });
});

test("a CA file that holds no certificate is named", async () => {
  const { exitCode, stderr } = await runCommand(["psql", "--ca", "package.json"], { env: bench.env });
  expect([exitCode, stderr]).toEqual([
    2,
    expect.stringMatching(/package\.json holds no certificate.*config\.invalid/u),
  ]);
  expect(await bench.logins()).toEqual([]);
});

test("a role whose secret is not there says what makes it", async () => {
  await using stage = await startTunnelBench({ secrets: { operator: "postern/local/nothing" } });
  const { exitCode, json } = await runCommand(["psql", "--json", "--command", "select 1"], { env: stage.env });
  expect([exitCode, json()]).toMatchObject([
    2,
    { error: { code: "secret.missing", message: expect.stringContaining("postern/local/nothing") } },
  ]);
});

test("stop and status without a tunnel say so", async () => {
  for (const sub of ["stop", "status"]) {
    expect(await failure(["ssm-tunnel", sub])).toMatchObject({
      exitCode: 1,
      code: "tunnel.not-running",
      message: "No tunnel to local is running.",
    });
  }
  expect((await failure(["ssm-tunnel", "stop", "--port", "1"], noStage)).message).toContain("on port 1");
});

test("psql's own flags are told apart from a typing error of ours", async () => {
  const own = await failure(["psql", "-c", "select 1"]);
  expect(own).toMatchObject({ exitCode: 2, code: "usage.invalid", hint: expect.stringContaining("-- -c 'select 1'") });
  expect((await failure(["psql", "--wriet"])).message).toContain("Did you mean --write?");
});

test("a state folder that cannot be written is a note in the foreground, and the end of --detach", async () => {
  expect(
    await failure(["ssm-tunnel", "--detach", "--port", "0"], { XDG_STATE_HOME: "/dev/null/nowhere" }),
  ).toMatchObject({
    exitCode: 2,
    code: "data.unwritable",
    hint: expect.stringContaining("XDG_STATE_HOME"),
  });
});

test.skipIf(!(await canMountSmallDisk()))(
  "a full disk is what it is called, where the state folder is and where temporary files are",
  async () => {
    await using stack = new AsyncDisposableStack();
    const disk = await mountSmallDisk(stack);
    await writeFile(join(disk, "fill"), Buffer.alloc(8 << 20)).catch(() => {});
    const state = { XDG_STATE_HOME: disk };
    expect(await failure(["ssm-tunnel", "--detach", "--port", "0"], state)).toMatchObject({
      code: "data.unwritable",
      message: expect.stringContaining(disk),
      hint: expect.stringContaining("Free some space"),
    });
    for (const [args, env] of [
      [["psql"], state],
      [["ssm-tunnel", "--exec", "true"], { TMPDIR: disk }],
    ] as const) {
      expect(await failure(args, env)).toMatchObject({
        code: "data.unwritable",
        hint: expect.stringContaining("Free some space"),
      });
    }
    const exec = await runCommand(["ssm-tunnel", "--exec", "exit 7"], { env: { ...bench.env, ...state } });
    expect(exec.exitCode).toBe(7);
  },
);
