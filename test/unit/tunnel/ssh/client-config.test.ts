import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { resolveRoute, type SshHostRequest, type SshRoute } from "#lib/tunnel/ssh/client-config.ts";
import { readConfigFile } from "#lib/tunnel/ssh/config-file.ts";
import { isInstalled } from "../../../support/debian.ts";

let home: string;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "postern-config-"));
  await mkdir(join(home, ".ssh"));
});
afterEach(() => rmSync(home, { recursive: true }));

function place(env: Record<string, string> = {}) {
  return { home, user: userInfo().username, env };
}

async function write(text: string, name = "config"): Promise<string> {
  const file = join(home, ".ssh", name);
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, text, { mode: 0o600 });
  return file;
}

async function resolve(text: string, request: SshHostRequest | string, env = {}): Promise<SshRoute> {
  const file = await write(text);
  const entries = await readConfigFile({ file, mayBeMissing: false, place: place(env) });
  return resolveRoute(entries, typeof request === "string" ? { server: request } : request, place(env));
}

async function resolveOne(text: string, request: SshHostRequest | string, env = {}) {
  const { hops } = await resolve(text, request, env);
  const host = hops.at(-1);
  if (host === undefined) throw new Error("There is no host.");
  return host;
}

test("without a configuration a host is what was typed, on port 22, for whoever is logged in", async () => {
  const entries = await readConfigFile({ file: join(home, "none"), mayBeMissing: true, place: place() });
  expect(resolveRoute(entries, { server: "db1" }, place({ SSH_AUTH_SOCK: "/run/agent" }))).toEqual({
    hops: [
      {
        alias: "db1",
        hostName: "db1",
        port: 22,
        user: userInfo().username,
        knownAs: { host: "db1", port: 22 },
        identitiesOnly: false,
        agent: "/run/agent",
        knownHostsFiles: [
          join(home, ".ssh/known_hosts"),
          join(home, ".ssh/known_hosts2"),
          "/etc/ssh/ssh_known_hosts",
          "/etc/ssh/ssh_known_hosts2",
        ],
        acceptNew: false,
      },
    ],
    remarks: [],
  });
});

test("a configuration that somebody named must be there", async () => {
  const file = join(home, "none");
  await expect(readConfigFile({ file, mayBeMissing: false, place: place() })).rejects.toMatchObject({
    code: "config.invalid",
    message: expect.stringContaining(file),
  });
});

test("what the caller names wins over the file", async () => {
  const text = "Host db\n  HostName db.internal\n  Port 2222\n  User ops\n";
  expect(await resolveOne(text, "db")).toMatchObject({ hostName: "db.internal", port: 2222, user: "ops" });
  expect(await resolveOne(text, { server: "db", port: 22, user: "me" })).toMatchObject({ port: 22, user: "me" });
});

test("everything that is honoured is read, in any case, with equals signs and quotes", async () => {
  const text = `
host db   # the database
  hostname = "%h.internal"
  PORT=2222
  IdentityFile "~/keys/my key"
  identityfile %d/.ssh/%r@%h-%p
  IdentityFile \${KEYS}/third
  IdentitiesOnly yes
  IdentityAgent ~/agent.sock
  UserKnownHostsFile ~/hosts1 /etc/hosts2
  GlobalKnownHostsFile none
  HostKeyAlias the-database
  StrictHostKeyChecking accept-new
  AddressFamily inet6
  ServerAliveInterval 7
  ServerAliveCountMax 2
  ConnectTimeout 3
  User ops
`;
  expect(await resolveOne(text, "db", { KEYS: "/vault" })).toEqual({
    alias: "db",
    hostName: "db.internal",
    port: 2222,
    user: "ops",
    knownAs: { host: "the-database", port: 22 },
    identityFiles: [`${home}/keys/my key`, `${home}/.ssh/ops@db.internal-2222`, "/vault/third"],
    identitiesOnly: true,
    agent: `${home}/agent.sock`,
    knownHostsFiles: [`${home}/hosts1`, "/etc/hosts2"],
    acceptNew: true,
    addressFamily: 6,
    keepAliveIntervalMs: 7000,
    keepAliveMisses: 2,
    connectTimeoutMs: 3000,
  });
});

describe("the agent", () => {
  test.each([
    ["", "/run/agent"],
    ["IdentityAgent none", undefined],
    ["IdentityAgent SSH_AUTH_SOCK", "/run/agent"],
    ["IdentityAgent $OTHER", "/run/other"],
    ["IdentityAgent /run/third", "/run/third"],
  ])("%s: %s", async (line, socket) => {
    const host = await resolveOne(line, "db", { SSH_AUTH_SOCK: "/run/agent", OTHER: "/run/other" });
    expect(host.agent).toBe(socket);
  });

  test("an empty SSH_AUTH_SOCK is none", async () => {
    expect(await resolveOne("", "db", { SSH_AUTH_SOCK: "" })).not.toHaveProperty("agent");
  });
});

test("files and patterns that are included are read in their place, and only where their block applies", async () => {
  await write("User from-first\nHost db\n  Port 1\n", "conf.d/1.conf");
  await write("Host db\n  Port 2\n  HostName second\nHost *\n  ConnectTimeout 9\n", "conf.d/2.conf");
  await write("Port 99\n", "only-for-web");
  const text =
    "Host web\n  Include only-for-web\nHost *\nInclude conf.d/*.conf missing-file\nHost db\n  HostName last\n";
  expect(await resolveOne(text, "db")).toMatchObject({
    port: 1,
    hostName: "second",
    user: "from-first",
    connectTimeoutMs: 9000,
  });
  expect(await resolveOne(text, "web")).toMatchObject({ port: 99, hostName: "web" });
});

test("a file that includes itself ends", async () => {
  await expect(resolve("Include config\n", "db")).rejects.toMatchObject({
    code: "config.invalid",
    message: expect.stringContaining("included in itself"),
  });
});

test("ProxyJump gives the servers on the way, each with its own settings", async () => {
  const text = `
Host gate
  HostName gate.example.com
  User ops
  Port 2222
Host inner
  ProxyJump gate
Host db
  ProxyJump inner,me@third:2200
`;
  const { hops } = await resolve(text, "db");
  expect(hops.map(({ user, hostName, port }) => `${user}@${hostName}:${port}`)).toEqual([
    "ops@gate.example.com:2222",
    `${userInfo().username}@inner:22`,
    "me@third:2200",
    `${userInfo().username}@db:22`,
  ]);
  expect((await resolve("Host db\n  ProxyJump none\nHost *\n  ProxyJump gate\n", "db")).hops).toHaveLength(1);
  const [sixth] = (await resolve("Host db\n  ProxyJump ssh://me@[fe80::1]:2200\n", "db")).hops;
  expect(sixth).toMatchObject({ user: "me", hostName: "fe80::1", port: 2200 });
});

test("a ProxyJump that leads to itself is refused", async () => {
  await expect(resolve("Host *\n  ProxyJump gate\n", "db")).rejects.toMatchObject({
    code: "config.invalid",
    message: expect.stringContaining("too many servers"),
  });
});

describe("what would change the way or the trust, and is not done, is refused", () => {
  test.each([
    ["ProxyCommand ssh -W %h:%p gate", "ProxyJump HOST"],
    ["KnownHostsCommand /bin/keys %H", "known_hosts"],
    ["CertificateFile ~/.ssh/id-cert.pub", "certificates"],
    ["PKCS11Provider /usr/lib/x.so", "agent"],
    ["RevokedHostKeys /etc/revoked", "@revoked"],
    ["CanonicalizeHostname yes", "HostName"],
    ["BindAddress 10.0.0.1", "cannot be chosen"],
    ["Port ssh", 'Port is "ssh"'],
    ["Port 70000", "1 to 65535"],
    ["HostName %z.internal", "%z"],
    [`IdentityFile \${NOWHERE}/key`, "NOWHERE"],
    ["ProxyJump a b", "[user@]host[:port]"],
  ])("%s", async (line, advice) => {
    await expect(resolve(`Host db\n  ${line}\n`, "db")).rejects.toMatchObject({
      code: "config.invalid",
      message: expect.stringContaining(advice),
    });
    // Another host's affair.
    expect(await resolveOne(`Host web\n  ${line}\n`, "db")).toMatchObject({ hostName: "db" });
  });

  test.each(["ProxyCommand none", "CanonicalizeHostname no", "ProxyJump gate\n  ProxyCommand nc %h %p"])(
    "but not %s",
    async (line) => {
      expect(await resolveOne(`Host db\n  ${line}\n`, "db")).toMatchObject({ hostName: "db" });
    },
  );
});

test("Match exec is never run, and what is left out is said", async () => {
  const witness = join(home, "ran");
  const text = `Match host db exec "touch ${witness}"\n  Port 1\nMatch host web exec "touch ${witness}"\n  Port 2\n`;
  const { hops, remarks } = await resolve(text, "db");
  expect(hops[0]?.port).toBe(22);
  expect(remarks).toEqual([expect.stringContaining("Match exec")]);
  expect(existsSync(witness)).toBe(false);
});

test("settings that are left at the default, and a check that is not switched off, are said", async () => {
  const { hops, remarks } = await resolve("StrictHostKeyChecking no\nCiphers aes128-cbc\n", "db");
  expect(hops[0]?.acceptNew).toBe(false);
  expect(remarks).toEqual([expect.stringContaining("ciphers"), expect.stringContaining("always verified")]);
});

test("no known_hosts is left where the file throws them away", async () => {
  const text = "UserKnownHostsFile /dev/null\nGlobalKnownHostsFile none\n";
  expect((await resolveOne(text, "db")).knownHostsFiles).toEqual([]);
});

test.each([
  ["Match host\n", "Missing value"],
  ['Host "db\n', "line break"],
])("a file that is not valid is named: %j", async (text, reason) => {
  await expect(resolve(text, "db")).rejects.toMatchObject({
    code: "config.invalid",
    message: expect.stringContaining(reason),
  });
});

test("a file that others can write is refused with the command that mends it", async () => {
  const file = await write("Host db\n");
  await chmod(file, 0o620);
  await expect(readConfigFile({ file, mayBeMissing: true, place: place() })).rejects.toMatchObject({
    code: "config.invalid",
    hint: `Run: chmod 600 ${file}`,
  });
});

describe.skipIf(!isInstalled("ssh-keygen"))("beside ssh -G", () => {
  const text = `
User everywhere
Host db*,!db9
  Port 1
Host db1 !db2 web*
  HostName %h.internal
  Port 2
Match host *.internal user everywhere
  ConnectTimeout 4
Match originalhost db2,db3 !localuser nobody-of-that-name
  Port 3
  User late
Match !host db3
  ServerAliveInterval 11
Match user late
  ServerAliveCountMax 9
Match all
  ServerAliveCountMax 5
Host *
  Port 5
  ConnectTimeout 6
`;
  test.each(["db1", "db2", "db3", "db9", "web1", "WEB1", "other"])("%s is the same", async (host) => {
    const file = await write(text);
    const printed = execFileSync("ssh", ["-G", "-F", file, host], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const theirs = (keyword: string) => new RegExp(`^${keyword} (.*)$`, "mu").exec(printed)?.[1];
    const ours = await resolveOne(text, host);
    expect({
      hostname: ours.hostName,
      port: String(ours.port),
      user: ours.user,
      connecttimeout: String((ours.connectTimeoutMs ?? 0) / 1000),
      serveraliveinterval: String((ours.keepAliveIntervalMs ?? 0) / 1000),
      serveralivecountmax: String(ours.keepAliveMisses),
    }).toEqual(
      Object.fromEntries(
        ["hostname", "port", "user", "connecttimeout", "serveraliveinterval", "serveralivecountmax"].map((keyword) => [
          keyword,
          theirs(keyword),
        ]),
      ),
    );
  });
});
