import type { Verdict } from "./traits.ts";

/** What the way does to packets and bytes. */
export const pathVerdicts = {
  "path.mtu-down": {
    summary: "Large packets towards here are lost on the way.",
    proof: "Small answers arrive; the certificate or 32 KB do not, twice, while everything of ours is acknowledged.",
    fix: "Lower the MTU of the tunnel or VPN interface, or let ICMP 'fragmentation needed' pass.",
    traits: { place: "path", source: "way", suspects: [] },
  },
  "path.mtu-up": {
    summary: "Large packets from here are lost on the way.",
    proof: "Small requests are answered; a full ClientHello or 32 KB are sent again and again, never acknowledged.",
    fix: "Lower the MTU of the tunnel or VPN interface, or let ICMP 'fragmentation needed' pass.",
    traits: { place: "path", source: "way", suspects: [] },
  },
  "path.flow-cut": {
    summary: "Something on the way stops this connection once it has carried some bytes.",
    proof: "Small bytes were acknowledged, those after them never are; or a reply stops in its middle. Each time.",
    fix: "Look for a middlebox that inspects or forgets flows between here and the server.",
    traits: { place: "path", source: "way", suspects: [] },
  },
  "path.slow": {
    summary: "The way is too slow.",
    proof: "Bytes keep coming, but not all in time.",
    fix: "Look at the link's bandwidth; a session through Session Manager carries about 1 MB/s.",
    traits: { place: "path", source: "way", suspects: [] },
  },
  "path.lossy": {
    summary: "The way loses packets.",
    proof:
      "The failed step passes or fails otherwise on a fresh connection; or of twenty packets at least one had to be sent again.",
    fix: "Look at the link (Wi-Fi, VPN); try from another network.",
    traits: { place: "path", source: "way", suspects: [] },
  },
  "path.cut": {
    summary: "Queries or large replies are cut off in the middle.",
    proof: "RST or FIN within a query or a reply of 32 KB, each time, on a session that had begun.",
    fix: "Look for a middlebox with a limit on size or time between here and the server.",
    traits: { place: "path", source: "way", suspects: [] },
  },
} as const satisfies Record<string, Verdict>;
