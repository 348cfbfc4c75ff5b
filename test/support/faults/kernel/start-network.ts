import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import { firstPort, portCount } from "./addresses.ts";
import { takePort } from "./leading-port.ts";

/** Of nft: for packets to the database, and for those from it. */
export type PacketRules = { readonly up?: readonly string[]; readonly down?: readonly string[] };

type Target = { readonly host: string; readonly port: number };

export type LabNetwork = AsyncDisposable & {
  /** Another one each time, to which only the rules of one fault apply. */
  nextPort(): number;
  /** Where that port leads, if not to the database. */
  lead(port: number, target: Target): void;
  /** The doctor's walk from the near host. */
  examine(address: DatabaseAddress, rules: PacketRules): Promise<DoctorReport>;
};

/** Why this machine cannot make such a network; undefined: it can. */
export function whyNoNetwork(): string | undefined {
  const probe = `ip link add near type veth peer name far && ethtool -K near gso off >/dev/null &&
    nft 'add table inet t' && nft 'add chain inet t c { type filter hook input priority 0; }' &&
    nft 'add rule inet t c tcp dport 1 ct bytes gt 1 numgen random mod 2 lt 1 ct count over 2 drop'`;
  if (process.platform !== "linux") return "it needs Linux";
  const { status, stderr, error } = spawnSync("unshare", ["-Urn", "sh", "-c", probe], { encoding: "utf8" });
  if (status === 0) return undefined;
  const [line = ""] = stderr.trim().split("\n");
  if (error !== undefined) return error.message;
  return line === "" ? `unshare ended with ${status}` : line;
}

/** Starts the two hosts, and leads the far one's ports to the database. */
export async function startLabNetwork(database: Target): Promise<LabNetwork> {
  await using starting = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "postern-network-"));
  starting.defer(async () => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "database");
  const targets = new Map<number, Target>();
  starting.use(await listenAt(path, (port) => targets.get(port) ?? database));

  const program = spawn("unshare", ["-Urn", process.execPath, join(import.meta.dirname, "network.ts"), path], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(program, "close");
  starting.defer(async () => {
    program.stdin.end();
    await ended;
  });
  const waiting = new Map<number, (answer: { readonly report?: DoctorReport; readonly error?: string }) => void>();
  const lines = createInterface({ input: program.stdout });
  const [first] = await Promise.race([once(lines, "line"), ended]);
  if (first !== "ready") throw new Error(`The network's program ended: ${String(first)}.`);
  lines.on("line", (line) => {
    const answer = JSON.parse(line);
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  lines.on("close", () => {
    for (const tell of waiting.values()) tell({ error: "the network's program ended" });
  });

  let count = 0;
  let asked = 0;
  const opened = starting.move();
  return {
    nextPort: () => {
      count += 1;
      if (count > portCount) throw new Error(`The network has only ${portCount} ports.`);
      return firstPort + count - 1;
    },
    lead: (port, target) => {
      targets.set(port, target);
    },
    examine: async (address, { up = [], down = [] }) => {
      asked += 1;
      const id = asked;
      const { promise, resolve } = Promise.withResolvers<{ readonly report?: DoctorReport; readonly error?: string }>();
      waiting.set(id, resolve);
      const request = { id, up, down, address };
      program.stdin.write(`${JSON.stringify(request)}\n`);
      const { report, error } = await promise;
      if (report === undefined) throw new Error(error);
      return report;
    },
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}

async function listenAt(path: string, targetOf: (port: number) => Target) {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    return socket;
  };
  const serve = async (near: Socket) => {
    const { host, port } = targetOf(await takePort(near));
    const far = keep(connect({ host, port, noDelay: true }));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => other.destroy());
      one.pipe(other);
    }
  };
  const server = createServer((near) => {
    serve(keep(near)).catch(() => near.destroy());
  });
  server.listen(path);
  await once(server, "listening");
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
