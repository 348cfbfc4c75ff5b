import type { Verdict } from "./traits.ts";

/** On the way to a server that answers as PostgreSQL does. */
export const reachVerdicts = {
  // Names
  "dns.not-found": {
    summary: "The host name does not exist.",
    proof: "The resolver answered that there is no such name.",
    fix: "Check the name; one that is known only inside the VPC does not resolve here.",
    traits: { place: "either", source: "way", suspects: ["database"] },
  },
  "dns.unavailable": {
    summary: "The resolver does not answer.",
    proof: "No answer to the name within its time, or a failure of the resolver's own.",
    fix: "Check this machine's network and DNS settings, then the VPN if it serves the names.",
    traits: { place: "either", source: "way", suspects: [] },
  },

  // TCP and the way to it
  "tcp.timeout": {
    summary: "Nothing answers at that address, not even with a refusal.",
    proof: "The first packet got no answer and no ICMP message.",
    fix: "Check the security group, the address and the route; from another vantage the doctor tells these apart.",
    traits: { place: "path", source: "way", suspects: ["way", "database"] },
  },
  "tcp.refused": {
    summary: "The host is there, and nothing listens on that port.",
    proof: "The connection was refused (RST to the first packet).",
    fix: "Start the server or the tunnel, or correct the port.",
    traits: { place: "path", source: "way", suspects: ["database"] },
  },
  "tcp.host-down": {
    summary: "The network is there, the host is not.",
    proof: "No host answered for that address on its own network (EHOSTUNREACH after seconds).",
    fix: "Check that the host runs and that the address is its present one.",
    traits: { place: "path", source: "way", suspects: ["database"] },
  },
  "route.unreachable": {
    summary: "There is no way to that address from here.",
    proof: "The system or a router refused at once (EHOSTUNREACH, ENETUNREACH).",
    fix: "Connect the VPN or the tunnel, or correct the route.",
    traits: { place: "path", source: "way", suspects: [] },
  },
  "route.local-blackhole": {
    summary: "A route of this machine throws packets to that address away.",
    proof: "The system refused the address as invalid for a connection (EINVAL).",
    fix: "Remove the blackhole route, often left behind by a VPN or a tunnel.",
    traits: { place: "path", source: "way", suspects: [] },
  },

  // Whether PostgreSQL answers
  "endpoint.closed": {
    summary: "Something accepts the connection and closes it without a word.",
    proof: "FIN after the request for TLS, before any answer.",
    fix: "Look at what listens there: a tunnel whose far end is gone, a balancer without targets, or one that expects TLS at once.",
    traits: { place: "either", source: "way", suspects: ["way", "database"] },
  },
  "endpoint.reset": {
    summary: "Something accepts the connection and resets it.",
    proof: "RST after the request for TLS, before any answer.",
    fix: "Look at what listens there: a tunnel whose far end refused, or a firewall that resets.",
    traits: { place: "either", source: "way", suspects: ["database"] },
  },
  "endpoint.silent": {
    summary: "Something accepts the connection and says nothing.",
    proof: "No answer to the request for TLS, twice, while TCP acknowledged it.",
    fix: "Look at what listens there: a tunnel's dead end, a frozen server, or a balancer without targets.",
    traits: { place: "either", source: "way", suspects: ["way", "database"] },
  },
  "endpoint.wrong-server": {
    summary: "The local port leads to another server than the stage's.",
    proof: "From here its certificate does not verify; from within it does.",
    fix: "Stop what listens on that port, and start the stage's tunnel anew.",
    traits: { place: "either", source: "way", suspects: [] },
  },
  "endpoint.not-postgres": {
    summary: "Something other than PostgreSQL answers there.",
    proof: "The answer to the request for TLS is none of PostgreSQL's, or more than its one byte.",
    fix: "Correct the port, or have what stands in between pass on what PostgreSQL says.",
    traits: { place: "either", source: "way", suspects: [] },
  },
} as const satisfies Record<string, Verdict>;
