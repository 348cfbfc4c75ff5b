import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, chmod, constants, mkdir, readFile, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { findFreePort, loopback } from "#lib/local/net/free-port.ts";
import type { SshTransportOptions } from "#lib/tunnel/ssh/transport.ts";
import type { Place } from "./bulk-client.ts";
import { openBulk } from "./bulk-client.ts";

const run = promisify(execFile);

/** A real sshd of this bench's own, which lets in one key, and what else the peers need. */
export type OpenSsh = AsyncDisposable & {
  /** For the ssh transport. */
  optionsTo(database: Place): SshTransportOptions;
  /** `ssh -N -L`, the peer: resolves when its port leads to the database. */
  forward(database: Place): Promise<AsyncDisposable & { readonly port: number }>;
};

/** Undefined where sshd or ssh is not installed (Debian: openssh-server, openssh-client). */
export async function startOpenSsh(workDir: string): Promise<OpenSsh | undefined> {
  const [sshd, ssh] = await Promise.all([findProgram("sshd"), findProgram("ssh")]);
  if (sshd === undefined || ssh === undefined) return undefined;
  const folder = join(workDir, "ssh");
  const file = (name: string) => join(folder, name);
  await mkdir(folder);
  for (const name of ["host_key", "user_key"])
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file(name)]);
  const port = await findFreePort();
  await writeFile(file("known_hosts"), `[${loopback}]:${port} ${await readFile(file("host_key.pub"), "utf8")}`);
  await writeFile(file("authorized_keys"), await readFile(file("user_key.pub"), "utf8"));
  await chmod(folder, 0o755);
  const settings = {
    ListenAddress: `${loopback}:${port}`,
    HostKey: file("host_key"),
    AuthorizedKeysFile: file("authorized_keys"),
    PidFile: "none",
    StrictModes: "no",
    UsePAM: "no",
    PasswordAuthentication: "no",
    PermitRootLogin: "prohibit-password",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
  await writeFile(file("sshd_config"), lines.join(""));
  // Where sshd, as root, locks in what talks to strangers; its package's service makes it.
  if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true });
  const server = spawn(sshd, ["-D", "-e", "-f", file("sshd_config")], { stdio: "ignore" });
  const { username } = userInfo();
  return {
    optionsTo: ({ host, port: databasePort }) => ({
      server: loopback,
      serverPort: port,
      user: username,
      host,
      port: databasePort,
      key: { file: file("user_key") },
      knownHostsFile: file("known_hosts"),
      configFile: false,
    }),
    forward: async (database) => {
      const localPort = await findFreePort();
      const wishes = ["IdentitiesOnly=yes", "BatchMode=yes", "ExitOnForwardFailure=yes"];
      const options = [`UserKnownHostsFile=${file("known_hosts")}`, ...wishes].flatMap((wish) => ["-o", wish]);
      const route = `${loopback}:${localPort}:${database.host}:${database.port}`;
      const client = spawn(
        ssh,
        [
          "-F",
          "none",
          "-i",
          file("user_key"),
          ...options,
          "-N",
          "-L",
          route,
          "-p",
          String(port),
          `${username}@${loopback}`,
        ],
        {
          stdio: ["ignore", "ignore", "inherit"],
        },
      );
      await untilAnswered({ host: loopback, port: localPort }, client);
      return { port: localPort, [Symbol.asyncDispose]: async () => await end(client) };
    },
    [Symbol.asyncDispose]: async () => await end(server),
  };
}

const pollMs = 5;

async function untilAnswered(place: Place, client: ChildProcess): Promise<void> {
  while (client.exitCode === null) {
    const socket = await openBulk(place).catch(() => undefined);
    socket?.destroy();
    if (socket !== undefined) return;
    await delay(pollMs);
  }
  throw new Error(`ssh has ended (${client.exitCode}).`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill();
  await exited;
}

/** sshd is in no user's PATH on Debian. */
async function findProgram(name: string): Promise<string | undefined> {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  for (const folder of folders) {
    const file = join(folder, name);
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  return undefined;
}
