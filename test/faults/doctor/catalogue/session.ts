import type { StepName } from "#lib/doctor/evidence.ts";
import type { Act } from "../../../support/faults/act.ts";
import { serverError } from "../../../support/faults/server-error.ts";
import {
  type SessionFault,
  type SessionPoint,
  startTerminatingProxy,
} from "../../../support/faults/terminating-proxy.ts";
import { seededRandom, type SeededRandom } from "../../../support/seeded-random.ts";
import { between, type LabFault } from "../fault.ts";

type Draw = (random: SeededRandom) => SessionFault & { readonly holdMs?: number };
type Kind = "close" | "reset" | "silence" | "trickle";

/** What breaks a session where TLS ends before the server: as in a pooler. */
export const sessionFaults: readonly LabFault[] = [
  ...each(
    "startup",
    { close: "startup.closed", reset: "startup.reset", silence: "startup.stalled", trickle: "path.slow" },
    () => ({ at: "startup" }),
  ),
  session("garbage at startup", "endpoint.not-postgres", (random) => ({
    point: { at: "startup" },
    act: send(Buffer.concat([Buffer.from([random.pick([0, 0x61, 0xff])]), random.bytes(between(random, 8, 400))])),
  })),
  session("an error without a word at startup", "db.failed", () => ({
    point: { at: "startup" },
    act: send(Buffer.from([0x45, 0, 0, 0, 5, 0])),
  })),
  session("a message of 2 GB at startup", "endpoint.not-postgres", (random) => ({
    point: { at: "startup" },
    act: send(Buffer.from([random.pick([0x45, 0x52, 0x53]), 0x7f, 0xff, 0xff, random.below(256)])),
  })),
  session("another way of authentication", "auth.method", (random) => ({
    point: { at: "startup" },
    act: send(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, random.pick([2, 6, 7, 9])])),
  })),
  ...each(
    "SCRAM",
    { close: "auth.closed", reset: "auth.closed", silence: "auth.stalled", trickle: "path.slow" },
    (random) => ({ at: "sasl", count: between(random, 1, 2) }),
  ),
  session("a false signature of the server", "auth.impostor", (random) => ({
    point: { at: "final" },
    act: send(saslFinal(random.bytes(32))),
  })),
  session("no signature of the server", "auth.impostor", () => ({
    point: { at: "final" },
    act: send(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0])),
  })),
  ...each(
    "AuthenticationOk",
    { close: "auth.closed", reset: "auth.closed", silence: "proxy.pool-exhausted", trickle: "path.slow" },
    () => ({ at: "authenticated" }),
  ),
  session("parameters without end", "endpoint.not-postgres", (random) => ({
    point: { at: "authenticated" },
    act: send(Buffer.concat(Array.from({ length: between(random, 9, 20) }, () => parameters(128 * 1024)))),
  })),
  session("a parameter now and then, without end", "path.slow", (random) => ({
    point: { at: "authenticated" },
    act: { kind: "repeat", bytes: parameters(1), everyMs: between(random, 50, 150) },
  })),
  ...each(
    "the first query",
    { close: "path.cut", reset: "path.cut", silence: "proxy.pool-exhausted", trickle: "path.slow" },
    () => ({ at: "query", count: 1 }),
  ),
  ...each(
    "32 KB down",
    { close: "path.cut", reset: "path.cut", silence: "path.flow-cut", trickle: "path.slow" },
    (random) => ({ at: "reply", bytes: between(random, 200, 30_000) }),
  ),
  ...each("32 KB up", { close: "path.cut", reset: "path.cut", silence: "ambiguous" }, (random) => ({
    at: "request",
    bytes: between(random, 1, 20_000),
  })),
  ...each(
    "rest",
    { close: "idle.closed", reset: "idle.reset", silence: "idle.silent" },
    (random) => ({ at: "rest", afterMs: between(random, 20, 300) }),
    700,
  ),
  session("an idle session is ended in words", "idle.closed", (random) => ({
    point: { at: "rest", afterMs: between(random, 20, 300) },
    act: send(
      random.pick([
        serverError("57P05", "terminating connection due to idle-session timeout"),
        serverError("08P01", "client_idle_timeout"),
      ]),
      true,
    ),
    holdMs: 700,
  })),
  ...each(
    "one connection too many",
    { close: "parallel.limit", reset: "parallel.limit", silence: "parallel.limit" },
    (random) => ({ at: "connection", others: between(random, 2, 3) }),
  ),
  session("one connection too many, in words", "parallel.limit", (random) => ({
    point: { at: "connection", others: between(random, 2, 3) },
    act: send(
      random.pick([
        serverError("53300", 'too many connections for role "app"'),
        serverError("08P01", "no more connections allowed (max_client_conn)"),
      ]),
      true,
    ),
  })),
  refused("RDS Proxy has no secret for the role", "proxy.missing-secret", "startup", [
    "28000",
    "This RDS proxy has no credentials for the role app. Check the credentials for this role and try again.",
  ]),
  refused("RDS Proxy: the password is wrong", "auth.rejected", "sasl", [
    "28P01",
    "The password that was provided for the role app is wrong.",
  ]),
  refused("RDS Proxy: IAM authentication failed", "auth.rejected", "startup", [
    "28000",
    "IAM authentication failed for the role app. Check the IAM token for this role and try again.",
  ]),
  refused("RDS Proxy wants TLS", "tls.required", "startup", ["28000", "This RDS Proxy requires TLS connections"]),
  refused("RDS Proxy wants TLS for IAM", "tls.required", "startup", [
    "28000",
    "IAM is allowed only with SSL connections",
  ]),
  refused("RDS Proxy is full", "db.too-many-connections", "startup", [
    "53300",
    "The maximum number of client connections to this RDS Proxy has been exceeded.",
  ]),
  refused("RDS Proxy gets no connection", "proxy.pool-exhausted", "query", [
    "XX000",
    "Timed-out waiting to acquire database connection",
  ]),
  refused("RDS Proxy gets no connection after the log-in", "proxy.pool-exhausted", "authenticated", [
    "XX000",
    "Timed-out waiting to acquire database connection",
  ]),
  refused("the proxy's own password is old", "proxy.secret-stale", "authenticated", [
    "28P01",
    'password authentication failed for user "app"',
  ]),
  refused("PgBouncer knows no such user", "proxy.missing-secret", "startup", ["08P01", "no such user: app"]),
  refused("PgBouncer knows no such database", "db.missing", "startup", ["08P01", "no such database: shop"]),
  refused("PgBouncer wants TLS", "tls.required", "startup", ["08P01", "SSL required"]),
  refused("PgBouncer is full", "db.too-many-connections", "startup", [
    "08P01",
    "no more connections allowed (max_client_conn)",
  ]),
  refused("PgBouncer waits for a server", "proxy.pool-exhausted", "query", ["08P01", "query_wait_timeout"]),
  refused("a database that fails by itself", "db.failed", "query", [
    "XX001",
    "could not read block 0 in file base/1/1",
  ]),
  refused("the database shuts down under the session", "db.starting", "query", [
    "57P01",
    "terminating connection due to administrator command",
  ]),
];

const steps: Readonly<Record<SessionPoint["at"], StepName>> = {
  startup: "startup",
  sasl: "auth",
  final: "auth",
  authenticated: "ready",
  query: "query",
  reply: "download",
  request: "upload",
  connection: "parallel",
  rest: "hold",
};

function session(name: string, code: string, draw: Draw): LabFault {
  return {
    name,
    expected: [code],
    get strikes() {
      return steps[draw(seededRandom(1)).point.at];
    },
    open: async ({ address, authority, certificate }, random) => {
      const { holdMs, ...fault } = draw(random);
      const proxy = await startTerminatingProxy({ server: address, certificate, fault });
      return {
        address: { ...address, port: proxy.port, ca: [authority.certificate] },
        drawn: JSON.stringify(fault.point),
        ...(holdMs === undefined ? {} : { holdMs }),
        [Symbol.asyncDispose]: async () => proxy[Symbol.asyncDispose](),
      };
    },
  };
}

function each(
  where: string,
  codes: Partial<Readonly<Record<Kind, string>>>,
  point: (random: SeededRandom) => SessionPoint,
  holdMs?: number,
): readonly LabFault[] {
  return (Object.entries(codes) as readonly (readonly [Kind, string])[]).map(([kind, code]) =>
    session(`${kind} at ${where}`, code, (random) => ({
      point: point(random),
      act: { kind },
      ...(holdMs === undefined ? {} : { holdMs }),
    })),
  );
}

function refused(
  name: string,
  code: string,
  where: "startup" | "sasl" | "authenticated" | "query",
  [sqlState, message]: readonly [string, string],
): LabFault {
  return session(name, code, (random) => {
    const act = send(serverError(sqlState, message), random.pick([true, false]));
    if (where === "sasl") return { point: { at: "sasl", count: 2 }, act };
    if (where === "query") return { point: { at: "query", count: 1 }, act };
    return { point: { at: where }, act };
  });
}

function send(bytes: Buffer, thenClose = false): Act {
  return { kind: "send", bytes, thenClose };
}

/** ParameterStatus, until there are so many bytes of it. */
function parameters(leastBytes: number): Buffer {
  const body = Buffer.from("application_name\0of the lab\0");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  const one = Buffer.concat([Buffer.from("S"), length, body]);
  return Buffer.concat(Array.from({ length: Math.ceil(leastBytes / one.length) }, () => one));
}

function saslFinal(signature: Buffer): Buffer {
  const data = Buffer.from(`v=${signature.toString("base64")}`);
  const head = Buffer.from([0x52, 0, 0, 0, 8 + data.length, 0, 0, 0, 12]);
  return Buffer.concat([head, data]);
}
