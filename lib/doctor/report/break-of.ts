import type { ProbeReport } from "#lib/protocol.ts";
import type { HopKind } from "./hops.ts";

/** In a hop, or on the link that leads to it. */
export type Place = { readonly is: "hop" | "link"; readonly hop: HopKind };

export function isThroughProxy({ to }: ProbeReport): boolean {
  return to === "proxy";
}

/** Up to the login a proxy answers by itself; behind it, only together with the database. */
export function isBehindLogin({ name }: ProbeReport): boolean {
  return behindLogin.has(name);
}

const behindLogin: ReadonlySet<string> = new Set(["ready", "query", "download", "upload", "parallel", "hold"]);

/**
 * Where a way is broken whose step `probe` failed, and of which the verdict is `code`.
 *
 * Most steps say it themselves. A transport that did not come up says it by its reason, and a step behind TCP fails in the
 * database unless the verdict is one of the path's, or another vantage finds the database well.
 */
export function breakOf(probe: ProbeReport, code: string, isDatabaseWell: boolean): Place {
  if (isThroughProxy(probe)) return inProxy(probe, code);
  switch (probe.name) {
    case "login":
    case "stage":
      return here;
    case "secret":
    case "inspect":
      return { is: "hop", hop: "function" };
    case "transport":
      return ofReason[code] ?? { is: "link", hop: "gateway" };
    case "dns":
    case "tcp":
      return toDatabase;
    default:
      if (Object.hasOwn(ofReason, code)) return ofReason[code] ?? toDatabase;
      if (/^(?:path|idle|route|tcp)\./u.test(code)) return toDatabase;
      return isDatabaseWell && !/^(?:db|auth)\./u.test(code) ? toDatabase : { is: "hop", hop: "database" };
  }
}

function inProxy(probe: ProbeReport, code: string): Place {
  if (probe.name === "dns" || probe.name === "tcp") return { is: "link", hop: "proxy" };
  return isBehindLogin(probe) && !code.startsWith("proxy.") ? toDatabase : { is: "hop", hop: "proxy" };
}

const toDatabase: Place = { is: "link", hop: "database" };
const inBastion: Place = { is: "hop", hop: "bastion" };
const inGateway: Place = { is: "hop", hop: "gateway" };
const here: Place = { is: "hop", hop: "here" };

/** What a transport or the control plane say. */
const ofReason: Readonly<Record<string, Place>> = {
  "ssm.target-missing": inBastion,
  "ssm.bastion-stopped": inBastion,
  "ssm.agent-offline": inBastion,
  "ssm.handshake": inBastion,
  "aws.bastion-address-stale": inBastion,
  "aws.bastion-stopped": inBastion,
  "aws.agent-offline": inBastion,
  "ssm.document-missing": inGateway,
  "ssm.session-limit": inGateway,
  "ssm.session-ended": inGateway,
  "ssm.protocol": inGateway,
  "aws.permission": inGateway,
  "aws.failed": inGateway,
  "ssm.refused": toDatabase,
  "ssm.host-unresolved": toDatabase,
  "ssm.no-answer": toDatabase,
  "ssm.lost": { is: "link", hop: "gateway" },
  "ssh.refused": toDatabase,
  "ssh.host-unresolved": toDatabase,
  "ssh.no-answer": toDatabase,
  "aws.security-group": toDatabase,
  "ssh.auth": inBastion,
  "ssh.forbidden": inBastion,
  "ssh.host-key-changed": inBastion,
  "ssh.host-key-unknown": inBastion,
  "ssh.unreachable": { is: "link", hop: "bastion" },
  "ssh.jump": { is: "link", hop: "bastion" },
  "ssh.lost": { is: "link", hop: "bastion" },
  "ssh.failed": { is: "link", hop: "bastion" },
  "ssh.passphrase": here,
  "ssh.key-format": here,
  "ssh.key-missing": here,
  "ssh.key-permissions": here,
  "ssm.plugin-missing": here,
  "ssm.plugin-failed": here,
  "aws.credentials": here,
  "aws.clock-skew": here,
  "stage.no-tunnel": inBastion,
};
