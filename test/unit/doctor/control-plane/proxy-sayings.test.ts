import { describe, expect, it, test } from "vitest";
import {
  type ProxySaying,
  type ProxySayingKind,
  proxyPhrases,
  readProxySayings,
} from "#lib/doctor/control-plane/proxy-sayings.ts";

const at = new Date("2026-12-01T10:00:00Z");
const of = (kind: "client" | "db") =>
  `2026-12-01T10:00:00.000Z [INFO] [proxyEndpoint=default] [${kind}Connection=2383522377] `;
const read = (...messages: string[]) => readProxySayings(messages.map((message) => ({ at, message })));

const forbidden =
  'Credentials couldn\'t be retrieved. The IAM role "arn:aws:iam::123456789012:role/proxy" is not authorized to read the AWS Secrets Manager secret with the ARN "arn:aws:secretsmanager:eu-central-1:123456789012:secret:postern/dev/app-AbCdEf"';
const doubled =
  'Credentials couldn\'t be retrieved. The database user "app" was found in multiple DB proxy authentication entries';

const knownLines: readonly (readonly [string, Partial<ProxySaying>])[] = [
  [
    forbidden,
    {
      kind: "secret-forbidden",
      secret: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:postern/dev/app-AbCdEf",
    },
  ],
  [doubled, { kind: "secret-doubled", role: "app" }],
  ["Credentials couldn't be retrieved. The secret is gone", { kind: "no-credentials" }],
  [
    `${of("client")}Proxy authentication with PostgreSQL native password authentication failed for user "app" with TLS on. Reason: Invalid credentials. If you provide an IAM token, make sure to`,
    {
      kind: "client-refused",
      role: "app",
      text: 'Proxy authentication with PostgreSQL native password authentication failed for user "app" with TLS on. Reason: Invalid credentials',
    },
  ],
  [`${of("client")}This RDS Proxy requires TLS connections`, { kind: "tls-required" }],
  [`${of("client")}Timed-out waiting to acquire database connection`, { kind: "timed-out" }],
  [`${of("db")}FATAL: password authentication failed for user "app"`, { kind: "password-refused", role: "app" }],
  [
    `${of("client")}Request returned an error: password authentication failed for user "app"`,
    { kind: "password-refused", role: "app" },
  ],
  [
    `${of("db")}no pg_hba.conf entry for host "10.0.1.2", user "app", database "shop", no encryption`,
    { kind: "login-refused", role: "app" },
  ],
  [`${of("db")}role "app" is not permitted to log in`, { kind: "login-refused", role: "app" }],
  [`${of("db")}remaining connection slots are reserved for roles with…`, { kind: "database-full" }],
  [`${of("db")}sorry, too many clients already`, { kind: "database-full" }],
  [`${of("db")}too many connections for role "app"`, { kind: "database-full", role: "app" }],
];

describe("a line that is known", () => {
  it.each(knownLines)("%s", (message, expected) => {
    expect(read(message)).toEqual([{ at, text: expect.any(String), ...expected }]);
    expect(proxyPhrases.some((phrase) => message.includes(phrase))).toBe(true);
  });
});

describe("a line says nothing", () => {
  it.each([
    ["of a failure", `${of("client")}A new client connected from 10.0.1.2:55392.`],
    ["that is known", `${of("db")}Something new has happened.`],
    [
      "where a client asks in the database's words",
      `${of("client")}select 'password authentication failed for user "app"'`,
    ],
    [
      "where a client asks in the proxy's words",
      `${of("client")}select 'Timed-out waiting to acquire database connection'`,
    ],
    ["where it is empty", ""],
  ])("%s", (_, message) => {
    expect(read(message)).toEqual([]);
  });
});

test("a refused client is none of the database's, though the words are in it", () => {
  const text = 'Proxy authentication with PostgreSQL native password authentication failed for user "app"';
  expect(read(text, `${of("client")}${text}`).map(({ kind }) => kind)).toEqual(["client-refused", "client-refused"]);
});

test("every kind has a line that is known", () => {
  const kinds: Record<ProxySayingKind, true> = {
    "secret-forbidden": true,
    "secret-doubled": true,
    "no-credentials": true,
    "client-refused": true,
    "tls-required": true,
    "password-refused": true,
    "login-refused": true,
    "database-full": true,
    "timed-out": true,
  };
  expect(new Set(knownLines.map(([, { kind }]) => kind))).toEqual(new Set(Object.keys(kinds)));
});

test.each(knownLines)("no more is told of a line than is known of it, wherever SQL stands in it: %s", (message) => {
  const sql = ` Query: create role x password 'hunter2' `;
  for (let place = 0; place <= message.length; place += 1) {
    const line = message.slice(0, place) + sql + message.slice(place);
    expect(JSON.stringify(read(line))).not.toContain("hunter2");
  }
});

test.each<[string, (length: number) => string]>([
  ["a way to log in without end", (length) => `Proxy authentication with ${"a ".repeat(length / 2)}`],
  ["a reason without end", (length) => `Credentials couldn't be retrieved.${"x".repeat(length)}`],
  ["a name without end", (length) => `${of("db")}role "${"x".repeat(length)}`],
  ["names without end", (length) => `${of("db")}${'role "x'.repeat(length / 7)}`],
  ["brackets that only open", (length) => "[".repeat(length)],
  ["brackets without end", (length) => `${"[a]".repeat(length / 3)} x`],
])("a line of twice the length takes at most about twice the time: %s", (_, make) => {
  const [half, whole] = [make(16_384), make(32_768)];
  expect(leastCpuMs(whole)).toBeLessThan(3 * leastCpuMs(half) + 3);
});

/** Of this thread alone, and the least of several: what else the machine does is not in it. */
function leastCpuMs(line: string): number {
  const times = Array.from({ length: 5 }, () => {
    const before = process.threadCpuUsage();
    read(line);
    return process.threadCpuUsage(before).user / 1000;
  });
  return Math.min(...times);
}
