import type { PacketRules } from "../../../support/faults/kernel/start-network.ts";
import { farHost } from "../../../support/faults/kernel/addresses.ts";
import type { SeededRandom } from "../../../support/seeded-random.ts";
import { between, type LabFault } from "../fault.ts";

type Draw = (random: SeededRandom, port: number) => PacketRules & { readonly drawn?: string; readonly host?: string };

/** Loss may be seen, or not; what it must not be is taken for something else. */
export const lossCodes = ["ok", "path.lossy", "path.slow", "ambiguous"];

/** What a kernel does to packets: only where this machine lets us have networks of our own. */
export const kernelFaults: readonly LabFault[] = [
  packets("packets that pass", ["ok"], undefined, () => ({})),
  packets("SYN dropped", ["tcp.timeout"], "tcp", (_, port) => ({ up: [`tcp dport ${port} drop`] })),
  packets("the answer to SYN dropped", ["tcp.timeout"], "tcp", (_, port) => ({ down: [`tcp sport ${port} drop`] })),
  packets("refused by a firewall", ["tcp.refused"], "tcp", (random, port) => ({
    up: [`tcp dport ${port} reject with ${random.pick(["tcp reset", "icmp type port-unreachable"])}`],
  })),
  packets("unreachable by ICMP", ["route.unreachable"], "tcp", (random, port) => {
    const type = random.pick(["host-unreachable", "net-unreachable", "admin-prohibited", "host-prohibited"]);
    return { up: [`tcp dport ${port} reject with icmp type ${type}`], drawn: type };
  }),
  packets("a host that is down", ["tcp.host-down"], "tcp", (random) => ({
    host: `10.9.0.${between(random, 50, 250)}`,
  })),
  packets("a blackhole route", ["route.local-blackhole"], "tcp", (random) => ({
    host: `10.10.0.${between(random, 1, 250)}`,
  })),
  packets("an unreachable or prohibited route", ["route.unreachable"], "tcp", (random) => ({
    host: `10.${between(random, 11, 12)}.0.1`,
  })),
  packets("no route", ["route.unreachable"], "tcp", (random) => ({ host: `192.0.2.${between(random, 1, 250)}` })),
  packets("everything dropped but the connection itself", ["endpoint.silent"], "ssl-request", (_, port) => ({
    up: [`tcp dport ${port} tcp flags & psh == psh drop`],
  })),
  packets("an MTU hole towards here", ["path.mtu-down"], ["tls", "download"], (random, port) => {
    const bytes = between(random, 576, 1400);
    return { down: [`tcp sport ${port} meta length > ${bytes} drop`], drawn: `${bytes} bytes` };
  }),
  packets(
    "an MTU hole that the certificate may fit through",
    ["path.mtu-down"],
    ["tls", "download"],
    (random, port) => {
      // The lab's flight takes 897 to 900, by the length of a signature.
      const bytes = between(random, 893, 906);
      return { down: [`tcp sport ${port} meta length > ${bytes} drop`], drawn: `${bytes} bytes` };
    },
  ),
  packets("an MTU hole from here", ["path.mtu-up"], "tls", (random, port) => {
    const bytes = between(random, 576, 1400);
    return { up: [`tcp dport ${port} meta length > ${bytes} drop`], drawn: `${bytes} bytes` };
  }),
  packets("MTU holes both ways", ["path.mtu-up"], "tls", (random, port) => {
    const bytes = between(random, 576, 1400);
    return {
      up: [`tcp dport ${port} meta length > ${bytes} drop`],
      down: [`tcp sport ${port} meta length > ${bytes} drop`],
      drawn: `${bytes} bytes`,
    };
  }),
  packets("a flow that is cut before TLS stands", ["path.flow-cut"], "tls", (random, port) => {
    // SYN, the SSLRequest and their acknowledgements take 250.
    const bytes = between(random, 300, 1200);
    return { up: [`tcp dport ${port} ct original bytes > ${bytes} drop`], drawn: `${bytes} bytes` };
  }),
  packets("a flow that is cut later", ["path.flow-cut"], ["startup", "upload"], (random, port) => {
    const bytes = between(random, 2600, 30_000);
    return { up: [`tcp dport ${port} ct original bytes > ${bytes} drop`], drawn: `${bytes} bytes` };
  }),
  packets("a flow that is cut as 32 KB up begin", ["path.flow-cut"], ["startup", "upload"], (random, port) => {
    // What comes before takes up to 3100: how many acknowledgements are counted in it differs from run to run.
    const bytes = between(random, 3200, 4400);
    return { up: [`tcp dport ${port} ct original bytes > ${bytes} drop`], drawn: `${bytes} bytes` };
  }),
  packets("a flow that is reset in the handshake", ["tls.reset"], "tls", (random, port) => ({
    up: [`tcp dport ${port} ct original bytes > ${between(random, 300, 1200)} reject with tcp reset`],
  })),
  packets("one connection too many dropped", ["parallel.limit"], "parallel", (random, port) => ({
    up: [`tcp dport ${port} ct state new ct count over ${between(random, 2, 3)} drop`],
  })),
  packets("one connection too many refused", ["parallel.limit"], "parallel", (random, port) => ({
    up: [`tcp dport ${port} ct state new ct count over ${between(random, 2, 3)} reject with tcp reset`],
  })),
  packets("loss of up to 10 %", lossCodes, undefined, (random, port) => loses(port, between(random, 1, 10))),
  packets("loss of up to 20 %", lossCodes, undefined, (random, port) => loses(port, between(random, 11, 20))),
];

export function packets(name: string, expected: readonly string[], strikes: LabFault["strikes"], draw: Draw): LabFault {
  return {
    name: `packets: ${name}`,
    expected,
    ...(strikes === undefined ? {} : { strikes }),
    needsNetwork: true,
    open: async ({ address, network }, random) => {
      if (network === undefined) throw new Error(`${name} needs a network`);
      const port = network.nextPort();
      network.lead(port, address);
      const { host = farHost, drawn, ...rules } = draw(random, port);
      const there = { ...address, host, port, servername: "localhost" };
      return {
        address: there,
        ...(drawn === undefined ? {} : { drawn }),
        examine: async () => network.examine(there, rules),
        // The rules go with the network: no other run has this port.
        [Symbol.asyncDispose]: async () => {},
      };
    },
  };
}

export function loses(port: number, percent: number) {
  const rule = `numgen random mod 1000 < ${percent * 10} drop`;
  return { up: [`tcp dport ${port} ${rule}`], down: [`tcp sport ${port} ${rule}`], drawn: `${percent} %` };
}
