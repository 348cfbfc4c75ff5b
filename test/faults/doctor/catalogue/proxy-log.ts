import { proxyLogGroup, proxyName } from "#lib/contract.ts";
import { judgeStage } from "#lib/doctor/judge-stage.ts";
import type { AwsReport } from "#lib/doctor/control-plane/judge.ts";
import { examineBothFromInside } from "#lib/doctor/inside.ts";
import { createLogStore } from "#lib/local/aws/log-store.ts";
import { noResources } from "#lib/local/aws/resources.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { region, startTestEndpoint } from "../../../support/aws-endpoint.ts";
import type { SeededRandom } from "../../../support/seeded-random.ts";
import { manifest } from "../../../support/control-plane/control-plane-facts.ts";
import { between, type LabFault } from "../fault.ts";
import { sessionFaults } from "./session.ts";

const { stage } = manifest;
const secret = `postern/${stage}/health`;
/** RDS calls the target available: its own check has another login. */
const nothingFound: AwsReport = { stage, findings: [], probes: [], unknown: [] };

type Line = { readonly agoMs: number; readonly message: string };
type Wording = (user: string, random: SeededRandom) => readonly Line[];

/** Proxies that say nothing to who connects, beside a sound instance: what their log says of it, and what it does not. */
export const proxyLogFaults: readonly LabFault[] = [
  fault("the database refuses the proxy's password", "proxy.secret-stale", inAnyWay, (user, random) => [
    { agoMs: 0, message: refusalOf(user, random) },
  ]),
  fault("the proxy may not read its secret", "proxy.missing-secret", inAnyWay, () => [
    { agoMs: 0, message: forbiddenOf(secret) },
  ]),
  fault("two secrets of the proxy name one role", "proxy.missing-secret", inAnyWay, (user) => [
    {
      agoMs: 0,
      message: `Credentials couldn't be retrieved. The database user "${user}" was found in multiple DB proxy authentication entries`,
    },
  ]),
  fault("the database refuses another role of the proxy's", "proxy.pool-exhausted", afterLogin, (user, random) => [
    { agoMs: 0, message: refusalOf(random.pick([`${user}_2`, "app", user.slice(1)]), random) },
  ]),
  fault("the database refused the proxy's password a while ago", "proxy.pool-exhausted", afterLogin, (user, random) => [
    { agoMs: between(random, 20_000, 600_000), message: refusalOf(user, random) },
  ]),
  fault("a client was refused, and another one asks for such words", "proxy.pool-exhausted", afterLogin, (user) => [
    {
      agoMs: 0,
      message: `${head("client", 7)}Proxy authentication with PostgreSQL native password authentication failed for user "${user}" with TLS on. Reason: Invalid credentials.`,
    },
    { agoMs: 0, message: `${head("client", 8)}select 'password authentication failed for user "${user}"'` },
  ]),
  fault(
    "the log may not be read",
    "proxy.pool-exhausted",
    afterLogin,
    (user, random) => [{ agoMs: 0, message: refusalOf(user, random) }],
    ["logs:FilterLogEvents"],
  ),
];

function inAnyWay(random: SeededRandom): string {
  return random.pick(["silence at startup", "close at SCRAM", "silence at SCRAM", afterLogin(random)]);
}

function afterLogin(random: SeededRandom): string {
  return random.pick(["silence at AuthenticationOk", "silence at the first query"]);
}

function fault(
  name: string,
  code: string,
  how: (random: SeededRandom) => string,
  wording: Wording,
  deniedActions: readonly string[] = [],
): LabFault {
  return {
    name: `the proxy's log: ${name}`,
    expected: [code],
    open: async (world, random) => {
      const wanted = how(random);
      const broken = sessionFaults.find((one) => one.name === wanted);
      if (broken === undefined) throw new Error(`There is no fault ${wanted}.`);
      await using stack = new AsyncDisposableStack();
      const proxy = stack.use(await broken.open(world, random));
      const logs = createLogStore();
      const model = { read: () => ({ ...noResources, deniedActions }) };
      const endpoint = stack.use(await startTestEndpoint({ logs, model }));
      const { endpoint: url, credentials } = endpoint.config();
      const access: AwsAccess = { source: "local-stage", endpoint: url, region, credentials };
      const lines = [...noise(random), ...wording(world.address.user, random)];
      const opened = stack.move();
      return {
        ...proxy,
        drawn: `${wanted}; ${lines.at(-1)?.message ?? ""}`,
        examine: async (signal) => {
          const since = new Date();
          for (const { agoMs, message } of lines.toSorted((one, other) => other.agoMs - one.agoMs)) {
            logs.write(proxyLogGroup(proxyName(stage)), { at: new Date(since.getTime() - agoMs), message });
          }
          const vpc = await examineBothFromInside({
            database: walkTo(world.address),
            proxy: walkTo(proxy.address),
            signal,
          });
          const walk = { since, role: proxy.address.user, secret };
          const { verdict } = await judgeStage({ vpc, aws: nothingFound }, { manifest, access, signal, walk });
          return { ...vpc, verdict };
        },
        [Symbol.asyncDispose]: async () => opened.disposeAsync(),
      };
    },
  };
}

/** What else a proxy writes. */
function noise(random: SeededRandom): readonly Line[] {
  const others: readonly (() => string)[] = [
    () => `${head("client", 1)}A new client connected from 10.0.1.2:${between(random, 1024, 65_535)}.`,
    () => `${head("client", 2)}The client connection closed. Reason: The client closed it.`,
    () =>
      `${head("db", 3)}A TCP connection was established from the proxy at 10.0.1.3:4711 to the database at 10.0.1.4:5432.`,
    () =>
      `${head("client", 4)}The client session was pinned to the database connection [dbConnection=3]. Digest: "set a to $1".`,
  ];
  return Array.from({ length: between(random, 0, 40) }, () => ({
    agoMs: between(random, 0, 300_000),
    message: random.pick(others)(),
  }));
}

function refusalOf(user: string, random: SeededRandom): string {
  const words = `password authentication failed for user "${user}"`;
  return random.pick([
    `${head("db", 5)}${words}`,
    `${head("db", 6)}The database connection was closed. Reason: FATAL: ${words}.`,
    `Request returned an error: ${words}`,
  ]);
}

function forbiddenOf(name: string): string {
  const arn = `arn:aws:secretsmanager:${region}:123456789012:secret:${name}-AbCdEf`;
  return `Credentials couldn't be retrieved. The IAM role "arn:aws:iam::123456789012:role/proxy" is not authorized to read the AWS Secrets Manager secret with the ARN "${arn}"`;
}

function head(kind: "client" | "db", connection: number): string {
  return `2026-12-01T10:00:00.000Z [INFO] [proxyEndpoint=default] [${kind}Connection=${connection}] `;
}

function walkTo({ user, password, ...place }: DatabaseAddress) {
  const login = { user, ...(password === undefined ? {} : { password }) };
  // oxlint-disable-next-line typescript/require-await -- a function's login has to be read
  return { place, login: async () => login };
}
