import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { findProgram } from "../debian.ts";
import { makeTestFolder } from "../postgres.ts";
import { runKeygen } from "./key-forms.ts";

export type SshdOptions = {
  /** Public keys, as their files have them, that may log in. */
  readonly authorized: readonly string[];
  /** More lines of sshd_config; they come first, and the first of a keyword counts. */
  readonly settings?: readonly string[];
  /** Default: one of its own, for which nothing else runs while it is made. */
  readonly hostKey?: { readonly text: string; readonly publicLine: string };
};

export type Sshd = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  /** Whoever runs the tests. */
  readonly user: string;
  readonly folder: string;
  /** Its key as a line of known_hosts. */
  readonly knownHostsLine: string;
  /** A known_hosts with that line. */
  readonly knownHostsFile: string;
  /** Processes that serve a connection now. */
  readonly open: number;
  /** From now on connections are accepted and get no answer. */
  silent: boolean;
  /** Ends what serves connections, as a crash does. */
  cut(): void;
  /** Stops what serves connections in their tracks: the sockets stay, nothing answers. */
  freeze(): void;
  log(): string;
};

/**
 * A real sshd, as inetd runs it: a listener of ours takes each connection and hands it to a process of its own. So it gets a
 * free port, and each connection can be ended by itself.
 */
export async function startSshd(options: SshdOptions): Promise<Sshd> {
  const { authorized, settings = [], hostKey = runKeygen({ type: "ed25519" }) } = options;
  const program = findProgram("sshd") ?? "sshd";
  const folder = await makeTestFolder();
  const file = (name: string) => join(folder, name);
  await writeFile(file("host_key"), hostKey.text, { mode: 0o600 });
  await writeFile(file("authorized_keys"), authorized.map((line) => `${line}\n`).join(""), { mode: 0o644 });
  const config = [
    ...settings,
    `HostKey ${file("host_key")}`,
    `AuthorizedKeysFile ${file("authorized_keys")}`,
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "LogLevel VERBOSE",
  ];
  await writeFile(file("sshd_config"), config.map((line) => `${line}\n`).join(""));
  // Where sshd, as root, locks in what talks to strangers; its package's service makes it.
  if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true });
  await chmod(folder, 0o755);

  const serving = new Set<ChildProcess>();
  const held = new Set<{ destroy(): void }>();
  let isSilent = false;
  let log = "";
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    if (isSilent) {
      held.add(socket);
      socket.on("error", () => {}).once("close", () => held.delete(socket));
      socket.resume();
      socket.once("end", () => socket.destroy());
      return;
    }
    const child = spawn(program, ["-i", "-e", "-f", file("sshd_config")], {
      stdio: [socket, socket, "pipe"],
      // A group of its own: sshd forks.
      detached: true,
    });
    serving.add(child);
    child.stderr?.on("data", (chunk: Buffer) => (log += chunk.toString()));
    child.once("close", () => serving.delete(child));
    // The process has its own copy now.
    socket.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const knownHostsLine = `[127.0.0.1]:${port} ${hostKey.publicLine}`;
  await writeFile(file("known_hosts"), `${knownHostsLine}\n`);

  const signal = (name: NodeJS.Signals) => {
    for (const child of serving) sendToGroup(child, name);
  };
  return {
    host: "127.0.0.1",
    port,
    user: userInfo().username,
    folder,
    knownHostsLine,
    knownHostsFile: file("known_hosts"),
    get open() {
      return serving.size + held.size;
    },
    get silent() {
      return isSilent;
    },
    set silent(value) {
      isSilent = value;
    },
    cut: () => signal("SIGKILL"),
    freeze: () => signal("SIGSTOP"),
    log: () => log,
    [Symbol.asyncDispose]: async () => {
      const ended = [...serving].map(async (child) => once(child, "close"));
      signal("SIGKILL");
      for (const socket of held) socket.destroy();
      server.close();
      await Promise.all([once(server, "close"), ...ended]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function sendToGroup({ pid, exitCode }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null) return;
  try {
    process.kill(-pid, name);
  } catch {
    // It ended by itself meanwhile.
  }
}
