import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { examine } from "#lib/doctor/examine.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { farHost, firstPort, portCount } from "./addresses.ts";

/**
 * A network of two hosts in namespaces of their own, made inside `unshare -Urn`: the near one is this program, where the
 * doctor walks; the far one is `relay.ts`. Their firewalls break things. Each line of standard input is a request, each of
 * standard output an answer. Ends with its standard input.
 */
export type NetworkRequest = {
  readonly id: number;
  /** Rules of nft, each where packets arrive: at the far host, and here. A host notices what its own firewall keeps from leaving. */
  readonly up: readonly string[];
  readonly down: readonly string[];
  readonly address: DatabaseAddress;
};

const run = promisify(execFile);
const [path = ""] = process.argv.slice(2);

const relay = spawn(
  "unshare",
  ["-n", process.execPath, join(import.meta.dirname, "relay.ts"), path, String(firstPort), String(portCount)],
  { stdio: ["pipe", "pipe", "inherit"] },
);
await once(relay.stdout, "data");

/** Without offloads: with them, a firewall sees packets that no wire carries. */
const plain = ["tso", "off", "gso", "off", "gro", "off"];
const far = async (...command: readonly string[]) => run("nsenter", ["-t", String(relay.pid), "-n", ...command]);
const near = async (...command: readonly string[]) => run(command[0] ?? "", command.slice(1));

await near("ip", "link", "set", "lo", "up");
await near("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", String(relay.pid));
await near("ip", "addr", "add", "10.9.0.1/24", "dev", "near");
await far("ip", "addr", "add", `${farHost}/24`, "dev", "far");
await near("ethtool", "-K", "near", ...plain);
await far("ethtool", "-K", "far", ...plain);
await near("ip", "link", "set", "near", "up");
await far("ip", "link", "set", "far", "up");
await far("ip", "link", "set", "lo", "up");
for (const [kind, net] of [
  ["blackhole", "10.10.0.0/16"],
  ["unreachable", "10.11.0.0/16"],
  ["prohibit", "10.12.0.0/16"],
] as const) {
  await near("ip", "route", "add", kind, net);
}
for (const host of [near, far]) {
  await host("nft", "add table inet lab");
  await host("nft", "add chain inet lab arriving { type filter hook input priority 0; }");
}
// Rules may count the bytes of a flow.
await far("sysctl", "-qw", "net.netfilter.nf_conntrack_acct=1");

/** One rule after the other: nft takes its changes whole. */
let earlier = Promise.resolve();

async function addRules(before: Promise<void>, { up, down }: NetworkRequest): Promise<void> {
  await before.catch(() => {});
  for (const rule of up) await far("nft", `add rule inet lab arriving ${rule}`);
  for (const rule of down) await near("nft", `add rule inet lab arriving ${rule}`);
}

async function answer(request: NetworkRequest): Promise<void> {
  const { id, address } = request;
  earlier = addRules(earlier, request);
  try {
    await earlier;
    const report = await examine({ address, signal: AbortSignal.timeout(20_000) });
    process.stdout.write(`${JSON.stringify({ id, report })}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ id, error: String(error) })}\n`);
  }
}

process.stdout.write("ready\n");
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => void answer(JSON.parse(line)));
lines.on("close", () => {
  relay.stdin.end();
  process.exit(0);
});
