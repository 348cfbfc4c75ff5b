import { expect, test } from "vitest";
import { mask, type Masking } from "#lib/doctor/report/mask.ts";
import { type SeededRandom, seededRandom } from "../../../support/seeded-random.ts";

const usual: Masking = { isUnmasked: false, isForStrangers: false, secrets: [] };
const strangers: Masking = { ...usual, isForStrangers: true };
const unmasked: Masking = { ...usual, isUnmasked: true };

const letters = "abcdefghijklmnopqrstuvwxyz";
const word = (random: SeededRandom, length: number, alphabet = `${letters}0123456789`) =>
  Array.from({ length }, () => random.pick(Array.from(alphabet))).join("");
const digits = (random: SeededRandom, length: number) => word(random, length, "0123456789");

/** Where an account id stands in what AWS and its tools print. */
const shapes: readonly ((id: string, random: SeededRandom) => string)[] = [
  (id) => id,
  (id) => `arn:aws:iam::${id}:role/postern-dev-inspect`,
  (id) => `arn:aws-us-gov:rds:us-gov-west-1:${id}:db:postern-dev`,
  (id) => `arn%3Aaws%3Asecretsmanager%3Aeu-central-1%3A${id}%3Asecret`,
  (id) => `account=%20${id}&`,
  (id) => `User: arn:aws:sts::${id}:assumed-role/admin/ann is not authorized`,
  (id) => `${id}.dkr.ecr.eu-central-1.amazonaws.com/app`,
  (id, random) => `${word(random, 5, letters)}${id}${word(random, 5, letters)}`,
  (id) => `postern-${id}-bundles`,
  (id) => `https://sqs.eu-central-1.amazonaws.com/${id}/queue`,
  (id) => `${id.slice(0, 4)}-${id.slice(4, 8)}-${id.slice(8)}`,
  (id) => `${id.slice(0, 4)} ${id.slice(4, 8)} ${id.slice(8)}`,
  (id) => `${id.slice(0, 4)}\u2011${id.slice(4, 8)}\u2011${id.slice(8)}`,
  (id) => `${id.slice(0, 3)}\u200b${id.slice(3, 9)}\u2060${id.slice(9)}`,
  (id) => `“${id}”`,
  (id) => `\u202e${id}\u202c`,
  (id) => `account_${id}_x`,
  (id) => `7${id}`,
  (id) => `x:${id}`,
  (id) => `(${id})[${id}]{${id}}`,
];

test("no account id of any shape survives, whatever stands around it", () => {
  const random = seededRandom();
  for (let draw = 0; draw < 2000; draw += 1) {
    const id = digits(random, 12);
    const shape = random.pick(shapes);
    const text = `${word(random, random.below(8), `${letters} .,:;/`)}${random.pick([" ", "", "/", "%"])}${shape(id, random)}${random.pick([" ", "", ".", ":"])}`;
    const masked = JSON.stringify([mask({ text }, usual), mask({ text }, strangers)]);
    expect(masked.replaceAll(/\D/gu, ""), `seed ${random.seed}: ${JSON.stringify(text)}`).not.toContain(id);
    expect(mask({ text }, unmasked), `seed ${random.seed}`).toEqual({ text });
  }
});

test("an access key id, from which the account can be read, is masked, too", () => {
  expect(mask("The key AKIAIOSFODNN7EXAMPLE of ASIAQNZGKIQY56JQ7WML", usual)).toBe("The key AKIA… of ASIA…");
});

test.each([
  ["postern-dev.c9akciq32rgx.eu-central-1.rds.amazonaws.com", "postern-dev.***.eu-central-1.rds.amazonaws.com"],
  ["p.proxy-c9akciq32rgx.us-gov-west-1.rds.amazonaws.com", "p.proxy-***.us-gov-west-1.rds.amazonaws.com"],
  ["c.cluster-ro-c9akciq32rgx.eu-central-1.rds.amazonaws.com", "c.cluster-ro-***.eu-central-1.rds.amazonaws.com"],
  ["p.c9akciq32rgx.rds.cn-north-1.amazonaws.com.cn", "p.***.rds.cn-north-1.amazonaws.com.cn"],
  ["https://abcdef0123.lambda-url.eu-central-1.on.aws/", "https://***.lambda-url.eu-central-1.on.aws/"],
])("of %s the account's own part is masked", (host, expected) => {
  expect(mask(host, usual)).toBe(expected);
  expect(mask(host, unmasked)).toBe(host);
});

test("machines and public addresses are told here, and not to strangers", () => {
  const text =
    "203.0.113.7:5432 and 10.0.3.17 through i-0123456789abcdef0, 2600:1f18:1234::1, version 156.0.8078.108, ::1";
  expect(mask(text, usual)).toBe(text);
  expect(mask(text, strangers)).toBe(
    "(public address):5432 and 10.0.3.17 through i-…def0, (public address), version 156.0.8078.108, ::1",
  );
  expect(mask("ec2-203-0-113-7.compute-1.amazonaws.com sg-0123456789abcdef0", strangers)).toBe(
    "ec2-….compute-1.amazonaws.com sg-…def0",
  );
});

test.each(["igw", "vgw", "nat", "tgw", "eni", "i", "vpce"])(
  "what a route leads to, %s-…, is masked for strangers",
  (kind) => {
    expect(mask(`rtb-0123456789abcdef0 to ${kind}-0fedcba9876543210`, strangers)).toBe(`rtb-…def0 to ${kind}-…3210`);
  },
);

test("an instance's id stays whole here, also where twelve of its digits stand together", () => {
  expect(mask("through i-01234567890123ca1 in acct-123456789012", usual)).toBe(
    "through i-01234567890123ca1 in acct-(account)",
  );
});

test("what is no account id stays: ports, lengths, dates, versions", () => {
  const text = "port 54321, 2147483647 bytes, 2026-11-30 12:01:02.345, TLSv1.3, SQLSTATE 28P01, 127.0.0.1:5432";
  expect(mask(text, strangers)).toBe(text);
});

test("a secret is hidden in every form and depth, also unmasked", () => {
  const password = "pa$s'\t wörd/1";
  const document = {
    verdict: { evidence: `it says ${password}` },
    probes: [
      { detail: encodeURIComponent(password) },
      { detail: "pa$s\\'\t wörd/1" },
      { detail: "pa$s''\t wörd/1" },
      { detail: JSON.stringify(password) },
    ],
  };
  const masked = JSON.stringify(mask(document, { ...unmasked, secrets: [password] }));
  expect(masked).toBe(
    '{"verdict":{"evidence":"it says (hidden)"},"probes":[{"detail":"(hidden)"},{"detail":"(hidden)"},{"detail":"(hidden)"},{"detail":"\\"(hidden)\\""}]}',
  );
});

test.each([
  ["postgres://ann:hunter2@db.example/app", "postgres://ann:(hidden)@db.example/app"],
  ['{"username":"ann","password":"hunter2"}', '{"username":"ann","password":(hidden)}'],
  ["secret: aws.failed: no answer", "secret: aws.failed: no answer"],
  ["PGPASSWORD=hunter2 psql", "PGPASSWORD=(hidden) psql"],
  ["host=x password='hunter2 and more' user=y", "host=x password=(hidden) user=y"],
  ["SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy rest", "(hidden) rest"],
  ["md5a3556571e93b0d20722ba62be61e8c2d", "(hidden)"],
  ["?X-Amz-Signature=abcdef&X-Amz-Date=1", "?X-Amz-Signature=(hidden)&X-Amz-Date=1"],
  ["-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x", "(hidden) x"],
])("what looks like a secret is hidden, whoever wrote it: %s", (text, expected) => {
  expect(mask(text, unmasked)).toBe(expected);
});

test("of a message without an end, which would take the patterns hours, only the beginning is looked at", () => {
  for (const piece of ["a.", "1", "1234-", "x:", "A", "\u200b1", "pass", "-----BEGIN PRIVATE KEY-----"]) {
    expect(mask(piece.repeat(1_000_000 / piece.length), strangers).length).toBeLessThanOrEqual(2000);
  }
});
