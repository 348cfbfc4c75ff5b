import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { examineThrough } from "#lib/doctor/through-transport.ts";
import { findFreePort } from "#lib/local/net/free-port.ts";
import { sshTransport, type SshTransportOptions } from "#lib/tunnel/ssh/transport.ts";
import { listen } from "../../../support/faults/listener.ts";
import { runKeygen } from "../../../support/ssh/key-forms.ts";
import { startScriptedServer } from "../../../support/ssh/scripted-server.ts";
import { type Sshd, startSshd } from "../../../support/ssh/sshd.ts";
import type { SeededRandom } from "../../../support/seeded-random.ts";
import type { Broken, LabFault } from "../fault.ts";

type Key = { readonly text: string; readonly publicLine: string };

type Change = {
  /** Lines of sshd_config. */
  readonly settings?: readonly string[];
  /** Default: the client's. */
  readonly authorized?: Key;
  readonly transport?: (sshd: Sshd, key: Key) => Promise<Partial<SshTransportOptions>> | Partial<SshTransportOptions>;
  /** Done when the connection is up, before anything is sent through it. */
  readonly onceOpen?: (sshd: Sshd) => void;
  readonly drawn?: string;
};

/** What a real sshd says of the way to a database that is well; ssh2's own server where sshd would take minutes. */
export const sshFaults: readonly LabFault[] = [
  ssh("all is well", "ok", () => ({})),
  ssh("a key that it does not know", "ssh.auth", () => ({ authorized: strangeKey() })),
  ssh("a user who may not log in", "ssh.auth", (random) => ({
    settings: [`AllowUsers ${random.pick(["ops", "ec2-user", "admin"])}-${random.below(1000)}`],
  })),
  ssh("no key at all", "ssh.key-missing", () => ({
    transport: ({ folder }) => ({ key: { file: join(folder, "no-such-key") } }),
  })),
  ssh("a key that is none", "ssh.key-format", (random) => ({
    transport: () => ({ key: { text: random.bytes(60).toString("base64"), from: "the lab" } }),
  })),
  ssh("a key that others may read", "ssh.key-permissions", (random) => ({
    transport: async ({ folder }, { text }) => {
      const file = join(folder, "key");
      await writeFile(file, text, { mode: random.pick([0o644, 0o640, 0o604]) });
      return { key: { file } };
    },
  })),
  ssh("another host key", "ssh.host-key-changed", () => ({
    transport: async ({ folder, port }) => knownAs(folder, `[127.0.0.1]:${port} ${strangeKey().publicLine}`),
  })),
  ssh("a host key that nobody knows", "ssh.host-key-unknown", () => ({
    transport: async ({ folder }) => knownAs(folder, `elsewhere.example ${strangeKey().publicLine}`),
  })),
  ssh("nothing listens where it should be", "ssh.unreachable", () => ({
    transport: async () => ({ serverPort: await findFreePort() }),
  })),
  ssh("its name does not exist", "ssh.unreachable", (random) => ({
    transport: () => ({ server: `bastion-${random.below(1000)}.invalid` }),
  })),
  ssh("it says nothing", "ssh.unreachable", () => ({
    transport: (sshd) => {
      sshd.silent = true;
      return {};
    },
  })),
  ssh("forwarding is prohibited", "ssh.forbidden", (random) => ({
    settings: [random.pick(["AllowTcpForwarding no", "AllowTcpForwarding remote", "PermitOpen none"])],
  })),
  ssh("forwarding there is prohibited", "ssh.forbidden", (random) => ({
    settings: [`PermitOpen db.internal:${5432 + random.below(100)} 127.0.0.1:1`],
  })),
  ssh("it is refused there", "ssh.refused", () => ({ transport: async () => ({ port: await findFreePort() }) })),
  ssh("it cannot resolve the name", "ssh.host-unresolved", (random) => ({
    transport: () => ({ host: `db-${random.below(1000)}.invalid` }),
  })),
  ssh("it breaks off", "ssh.lost", () => ({ onceOpen: (sshd) => sshd.cut() })),
  jump("the jump host is refused at the next one", "ssh.jump", async () => ({ port: await findFreePort() })),
  jump("the jump host cannot resolve the next one", "ssh.jump", () => ({ host: "next.invalid" })),
  jump("the jump host prohibits the way to the next one", "ssh.jump", () => ({ settings: ["AllowTcpForwarding no"] })),
  {
    name: "SSH: it is no SSH server",
    expected: ["ssh.failed", "ssh.unreachable"],
    needsProgram: "ssh-keygen",
    open: async ({ address }, random) => {
      const banner = random.pick(["220 mail ESMTP\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "-ERR unknown\r\n"]);
      const listener = await listen((socket) => {
        socket.end(banner);
        return { [Symbol.dispose]: () => {} };
      });
      return through(
        address,
        { server: "127.0.0.1", serverPort: listener.port, key: given(ownKey()) },
        listener,
        banner,
      );
    },
  },
  {
    name: "SSH: it gets no answer there",
    expected: ["ssh.no-answer"],
    needsProgram: "ssh-keygen",
    open: async ({ address, runFolder }) => {
      const server = await startScriptedServer({ onForward: () => {} }, undefined, ownKey());
      const known = await knownAs(runFolder, server.knownHostsLine);
      const place = { server: server.host, serverPort: server.port };
      return through(address, { ...place, ...known, key: given(ownKey()) }, server);
    },
  },
];

function ssh(name: string, code: string, draw: (random: SeededRandom) => Change): LabFault {
  return {
    name: `SSH: ${name}`,
    expected: [code],
    needsProgram: "sshd",
    open: async ({ address }, random) => {
      const change = draw(random);
      const key = ownKey();
      const sshd = await startSshd({
        authorized: [(change.authorized ?? key).publicLine],
        hostKey: key,
        ...(change.settings === undefined ? {} : { settings: change.settings }),
      });
      return through(
        address,
        { ...placeOf(sshd), ...loginOf(sshd, key), ...(await change.transport?.(sshd, key)) },
        sshd,
        change.drawn ?? change.settings?.join("; "),
        () => change.onceOpen?.(sshd),
      );
    },
  };
}

type Next = { readonly host?: string; readonly port?: number; readonly settings?: readonly string[] };

/** Through `ProxyJump`: the jump host is well, and what is behind it is not to be reached. */
function jump(name: string, code: string, draw: () => Next | Promise<Next>): LabFault {
  return {
    name: `SSH: ${name}`,
    expected: [code],
    needsProgram: "sshd",
    open: async ({ address }) => {
      const { host = "127.0.0.1", port = 22, settings = [] } = await draw();
      const key = ownKey();
      const sshd = await startSshd({ authorized: [key.publicLine], settings, hostKey: key });
      const keyFile = join(sshd.folder, "key");
      await writeFile(keyFile, key.text, { mode: 0o600 });
      const configFile = join(sshd.folder, "config");
      const blocks = [
        ["Host jump", "HostName 127.0.0.1", `Port ${sshd.port}`],
        ["Host bastion", `HostName ${host}`, `Port ${port}`, "ProxyJump jump"],
        ["Host *", `User ${sshd.user}`, `IdentityFile ${keyFile}`, `UserKnownHostsFile ${sshd.knownHostsFile}`],
      ];
      await writeFile(
        configFile,
        blocks
          .flat()
          .map((line) => `${line}\n`)
          .join(""),
      );
      return through(address, { ...placeOf(sshd), server: "bastion", configFile }, sshd);
    },
  };
}

function through(
  address: DatabaseAddress,
  options: Partial<SshTransportOptions> & { readonly server: string },
  server: AsyncDisposable,
  drawn?: string,
  onceOpen?: () => void,
): Broken {
  const { host, port } = address;
  const transport = sshTransport({ host, port, configFile: false, user: "ops", ...options });
  const readAddress = async () => {
    onceOpen?.();
    return address;
  };
  return {
    address,
    ...(drawn === undefined ? {} : { drawn }),
    examine: async (signal) => await examineThrough({ transport, readAddress, signal }),
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
}

/** Nothing of this machine's own configuration, keys and agent. */
function placeOf({ folder, user }: Sshd): Pick<SshTransportOptions, "place"> {
  return { place: { home: folder, user, env: {} } };
}

function loginOf({ host, port, user, knownHostsFile }: Sshd, key: Key) {
  return { server: host, serverPort: port, user, knownHostsFile, key: given(key) };
}

async function knownAs(folder: string, line: string): Promise<Pick<SshTransportOptions, "knownHostsFile">> {
  const knownHostsFile = join(folder, `known-${process.hrtime.bigint()}`);
  await writeFile(knownHostsFile, `${line}\n`);
  return { knownHostsFile };
}

function given({ text }: Key) {
  return { text, from: "the lab's key" };
}

let made: readonly [Key, Key] | undefined;

/** Made once: ssh-keygen lets nothing else run, and a machine that is busy would look like a server that is silent. */
function keys(): readonly [Key, Key] {
  return (made ??= [runKeygen({ type: "ed25519" }), runKeygen({ type: "ed25519" })]);
}

function ownKey(): Key {
  return keys()[0];
}

/** Nobody knows it. */
function strangeKey(): Key {
  return keys()[1];
}
