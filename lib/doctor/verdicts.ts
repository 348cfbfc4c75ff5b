import { awsVerdicts } from "./aws-verdicts.ts";
import { farEndVerdicts } from "./far-end-verdicts.ts";

/**
 * Every root cause that the doctor can name: the public contract of its verdicts, from which the pages of
 * `doctor explain` are made. A code is never given another meaning; a cause that is told apart later gets one of its own.
 *
 * `summary` completes "…: it is broken because", `proof` says what the probes must have seen, `fix` is the one thing to do.
 */
export type Verdict = {
  readonly summary: string;
  readonly proof: string;
  readonly fix: string;
};

const verdictTable = {
  ok: {
    summary: "Everything that was tried answers, through to a query.",
    proof: "Every probe passed, with the logins that the steps name; another role's were not tried.",
    fix: "Nothing to do.",
  },
  ambiguous: {
    summary: "What was seen fits more than one cause.",
    proof:
      "The failed step failed in another way when repeated, two causes look the same, or this machine was too busy to tell.",
    fix: "Look at the ranked causes: each says what would settle it.",
  },

  // Names
  "dns.not-found": {
    summary: "The host name does not exist.",
    proof: "The resolver answered that there is no such name.",
    fix: "Check the name; one that is known only inside the VPC does not resolve here.",
  },
  "dns.unavailable": {
    summary: "The resolver does not answer.",
    proof: "No answer to the name within its time, or a failure of the resolver's own.",
    fix: "Check this machine's network and DNS settings, then the VPN if it serves the names.",
  },

  // TCP and the way to it
  "tcp.timeout": {
    summary: "Nothing answers at that address, not even with a refusal.",
    proof: "The first packet got no answer and no ICMP message.",
    fix: "Check the security group, the address and the route; from another vantage the doctor tells these apart.",
  },
  "tcp.refused": {
    summary: "The host is there, and nothing listens on that port.",
    proof: "The connection was refused (RST to the first packet).",
    fix: "Start the server or the tunnel, or correct the port.",
  },
  "tcp.host-down": {
    summary: "The network is there, the host is not.",
    proof: "No host answered for that address on its own network (EHOSTUNREACH after seconds).",
    fix: "Check that the host runs and that the address is its present one.",
  },
  "route.unreachable": {
    summary: "There is no way to that address from here.",
    proof: "The system or a router refused at once (EHOSTUNREACH, ENETUNREACH).",
    fix: "Connect the VPN or the tunnel, or correct the route.",
  },
  "route.local-blackhole": {
    summary: "A route of this machine throws packets to that address away.",
    proof: "The system refused the address as invalid for a connection (EINVAL).",
    fix: "Remove the blackhole route, often left behind by a VPN or a tunnel.",
  },

  // Whether PostgreSQL answers
  "endpoint.closed": {
    summary: "Something accepts the connection and closes it without a word.",
    proof: "FIN after the request for TLS, before any answer.",
    fix: "Look at what listens there: a tunnel whose far end is gone, or a balancer without targets.",
  },
  "endpoint.reset": {
    summary: "Something accepts the connection and resets it.",
    proof: "RST after the request for TLS, before any answer.",
    fix: "Look at what listens there: a tunnel whose far end refused, or a firewall that resets.",
  },
  "endpoint.silent": {
    summary: "Something accepts the connection and says nothing.",
    proof: "No answer to the request for TLS, twice, while TCP acknowledged it.",
    fix: "Look at what listens there: a tunnel's dead end, a frozen server, or a balancer without targets.",
  },
  "endpoint.wrong-server": {
    summary: "The local port leads to another server than the stage's.",
    proof: "From here its certificate does not verify; from within it does.",
    fix: "Stop what listens on that port, and start the stage's tunnel anew.",
  },
  "endpoint.not-postgres": {
    summary: "Something other than PostgreSQL answers there.",
    proof: "The answer to the request for TLS is none of PostgreSQL's, or more than its one byte.",
    fix: "Correct the port.",
  },

  // TLS
  "tls.refused": {
    summary: "The server offers no TLS.",
    proof: "It answered N to the request for TLS.",
    fix: "Turn TLS on at the server; only where that is intended, connect with sslmode=disable.",
  },
  "tls.required": {
    summary: "The server accepts TLS only.",
    proof: "It refused a login without TLS, and said so.",
    fix: "Connect with sslmode=verify-full.",
  },
  "tls.reset": {
    summary: "The connection is reset in the middle of the TLS handshake.",
    proof: "RST after our ClientHello, which was acknowledged; the same on a fresh connection.",
    fix: "Look for a firewall that inspects TLS between here and the server.",
  },
  "tls.closed": {
    summary: "The connection is closed in the middle of the TLS handshake.",
    proof: "FIN after our ClientHello and before the handshake was over; the same on a fresh connection.",
    fix: "Look at the server's log; behind a balancer or tunnel, at the far end's.",
  },
  "tls.stalled": {
    summary: "The server says yes to TLS and then nothing.",
    proof: "All that we sent was acknowledged, nothing came out of order, and no answer within its time.",
    fix: "Look at the server: it accepted and hangs.",
  },
  "tls.corrupted": {
    summary: "What arrives in the TLS handshake is not TLS.",
    proof: "A record that cannot be parsed or decrypted.",
    fix: "Look for something between here and the server that changes bytes.",
  },
  "tls.no-common-cipher": {
    summary: "Client and server have no cipher in common.",
    proof: "Alert 40 (handshake_failure).",
    fix: "Allow TLS 1.2 or 1.3 with a modern cipher at the server (ssl_ciphers).",
  },
  "tls.version": {
    summary: "The server speaks only versions of TLS that are not accepted any more.",
    proof: "Alert 70 (protocol_version).",
    fix: "Allow TLS 1.2 or newer at the server (ssl_max_protocol_version).",
  },
  "tls.unknown-name": {
    summary: "The server does not know the name that it was asked for.",
    proof: "Alert 112 (unrecognized_name).",
    fix: "Connect with the name that the server or proxy has.",
  },

  // The certificate
  "cert.expired": {
    summary: "The server's certificate has expired.",
    proof: "Its last day is past, by this machine's clock.",
    fix: "Renew the certificate; on RDS, rotate it (rds-ca-rsa2048-g1).",
  },
  "cert.not-yet-valid": {
    summary: "The server's certificate is not valid yet.",
    proof: "Its first day is to come, by this machine's clock.",
    fix: "Set this machine's clock; else correct the certificate.",
  },
  "cert.unknown-ca": {
    summary: "No trusted authority signed the server's certificate.",
    proof: "The chain ends at none of the authorities that were trusted.",
    fix: "Trust the authority that signed it: --ca FILE.",
  },
  "cert.wrong-host": {
    summary: "The server's certificate is for another name.",
    proof: "None of its names is the one that was asked for.",
    fix: "Connect with a name in the certificate; through a tunnel, verify the real host's name.",
  },

  // The path
  "path.mtu-down": {
    summary: "Large packets towards here are lost on the way.",
    proof: "Small answers arrive; the certificate or 32 KB do not, twice, while everything of ours is acknowledged.",
    fix: "Lower the MTU of the tunnel or VPN interface, or let ICMP 'fragmentation needed' pass.",
  },
  "path.mtu-up": {
    summary: "Large packets from here are lost on the way.",
    proof: "Small requests are answered; a full ClientHello or 32 KB are sent again and again, never acknowledged.",
    fix: "Lower the MTU of the tunnel or VPN interface, or let ICMP 'fragmentation needed' pass.",
  },
  "path.flow-cut": {
    summary: "Something on the way stops this connection once it has carried some bytes.",
    proof: "Small bytes were acknowledged, those after them never are; or a reply stops in its middle. Each time.",
    fix: "Look for a middlebox that inspects or forgets flows between here and the server.",
  },
  "path.slow": {
    summary: "The way is too slow.",
    proof: "Bytes keep coming, but not all in time.",
    fix: "Look at the link's bandwidth; a session through Session Manager carries about 1 MB/s.",
  },
  "path.lossy": {
    summary: "The way loses packets.",
    proof:
      "The failed step passes or fails otherwise on a fresh connection; or of twenty packets at least one had to be sent again.",
    fix: "Look at the link (Wi-Fi, VPN); try from another network.",
  },
  "path.cut": {
    summary: "Queries or large replies are cut off in the middle.",
    proof: "RST or FIN within a query or a reply of 32 KB, each time, on a session that had begun.",
    fix: "Look for a middlebox with a limit on size or time between here and the server.",
  },

  // The start of a session
  "startup.closed": {
    summary: "The server closes when a session begins.",
    proof: "FIN after the startup message.",
    fix: "Look at the server's log at that time.",
  },
  "startup.reset": {
    summary: "The connection is reset when a session begins.",
    proof: "RST after the startup message.",
    fix: "Look at the server's log at that time.",
  },
  "startup.stalled": {
    summary: "The server accepts a connection, and begins no session.",
    proof: "No answer to the startup message within its time, or not a whole one.",
    fix: "Look at the server: out of memory or processes, or a pooler without a server.",
  },

  // Authentication
  "auth.closed": {
    summary: "The server closes in the middle of authentication.",
    proof: "FIN or RST within the exchange, or behind it and before the session was ready.",
    fix: "Look at the server's log at that time.",
  },
  "auth.stalled": {
    summary: "The server stops answering in the middle of authentication.",
    proof: "No answer within the exchange in its time.",
    fix: "Look at the server or pooler: its own source of passwords may hang.",
  },
  "auth.rejected": {
    summary: "User or password is wrong.",
    proof: "28P01 to our proof of the password.",
    fix: "Take the present password from the secret; `postern setup` mends a role's.",
  },
  "auth.no-password": {
    summary: "No password was given, and the server asks for one.",
    proof: "The server asked for a password, and there was none: nothing was sent.",
    fix: "Set PGPASSWORD or PGPASSFILE, or put the password into the URL.",
  },
  "auth.impostor": {
    summary: "The server did not prove that it knows the password.",
    proof: "Its signature at the end of SCRAM is wrong.",
    fix: "Do not use this connection: somebody stands in between, or the server's verifier is broken.",
  },
  "auth.method": {
    summary: "Client and server have no way of authentication in common.",
    proof: "The server asks for a method that is not offered here.",
    fix: "Set the server to scram-sha-256.",
  },
  "auth.no-login": {
    summary: "This role may not log in.",
    proof: "28000 after the password was accepted, or instead of asking for it.",
    fix: "Give the role LOGIN, or use another one.",
  },

  // The database
  "db.missing": {
    summary: "The database does not exist.",
    proof: "3D000 after the password was accepted.",
    fix: "Correct the database's name.",
  },
  "db.no-connect-privilege": {
    summary: "This role may not connect to this database.",
    proof: "42501 after the password was accepted.",
    fix: "Run `postern setup`, or grant connect on the database to the role.",
  },
  "db.too-many-connections": {
    summary: "The server has no connection left.",
    proof: "53300.",
    fix: "Close some connections, or use the proxy.",
  },
  "db.starting": {
    summary: "The server is starting, recovering or shutting down.",
    proof: "57P03 or 57P01.",
    fix: "Wait; then look at why it restarted.",
  },
  "db.read-only": {
    summary: "The server takes no writes.",
    proof: "The server says that in_hot_standby is on.",
    fix: "Connect to the primary.",
  },
  "db.failed": {
    summary: "The server refused, for a reason of its own.",
    proof: "An error that is none of the others.",
    fix: "Read the server's text.",
  },

  // RDS Proxy and other poolers
  "proxy.missing-secret": {
    summary: "The proxy has no password for this role.",
    proof:
      "Its text says that it has no credentials for the role; or AWS says that the secret has no value or is gone.",
    fix: "Give the proxy a secret for the role, or use a role that it knows.",
  },
  "proxy.secret-stale": {
    summary: "The proxy's password for this role is not the database's.",
    proof: "The proxy accepted ours, and the database refused the proxy's.",
    fix: "Bring the secret and the role together again: `postern setup`.",
  },
  "proxy.pool-exhausted": {
    summary: "The proxy has no connection to the database left.",
    proof: "Its text about waiting, or silence after the password was accepted or to the first query.",
    fix: "Look at what holds connections, or raise the proxy's share of max_connections.",
  },

  // After a while, and many at a time
  "idle.silent": {
    summary: "A connection that rests is forgotten on the way.",
    proof: "After the hold no answer, while a fresh connection works.",
    fix: "Turn keepalives on (below 350 s for NAT gateways and balancers).",
  },
  "idle.reset": {
    summary: "A connection that rests is reset.",
    proof: "RST after or within the hold.",
    fix: "Turn keepalives on (below 350 s for NAT gateways and balancers).",
  },
  "idle.closed": {
    summary: "A connection that rests is closed.",
    proof: "FIN or 57P05 after or within the hold.",
    fix: "Look at idle_session_timeout, or the pooler's idle limit.",
  },
  "parallel.limit": {
    summary: "Only so many connections work at a time.",
    proof: "The first ones work, those after them do not, twice.",
    fix: "Raise the limit of the role, the server or what stands in between.",
  },

  // What a stage's transport says of its far end
  ...farEndVerdicts,

  // What AWS's control plane says of a stage
  ...awsVerdicts,
} as const satisfies Record<string, Verdict>;

export type VerdictCode = keyof typeof verdictTable;

export function describeVerdict(code: VerdictCode): Verdict {
  return verdictTable[code];
}

export const verdictCodes = Object.keys(verdictTable) as readonly VerdictCode[];

export function isVerdictCode(code: string): code is VerdictCode {
  return Object.hasOwn(verdictTable, code);
}
