import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  fingerprintOf,
  type HostKeyVerdict,
  judgeHostKey,
  knownHostsLine,
  knownKeyTypes,
  parseKnownHosts,
} from "#lib/tunnel/ssh/known-hosts.ts";
import { isInstalled } from "../../../support/debian.ts";
import { runKeygen } from "../../../support/ssh/key-forms.ts";
import { makePublicKey, publicKeyField } from "../../../support/ssh/public-keys.ts";

const mine = makePublicKey();
const other = makePublicKey();
const rsa = makePublicKey("ssh-rsa");

/** `K`, `O` and `R` stand for the three keys. */
function entriesOf(...lines: readonly string[]) {
  const text = lines
    .join("\n")
    .replaceAll(/\bK\b/gu, publicKeyField(mine))
    .replaceAll(/\bO\b/gu, publicKeyField(other))
    .replaceAll(/\bR\b/gu, publicKeyField(rsa));
  return parseKnownHosts(text, "known_hosts").entries;
}

describe("a host key", () => {
  const cases: readonly (readonly [string, string, number, HostKeyVerdict["outcome"], readonly string[]])[] = [
    ["that the file has", "db1", 22, "known", ["db1 K"]],
    ["that a second line has", "db1", 22, "known", ["db1 O", "db1 K"]],
    ["that a line with several hosts has", "db1", 22, "known", ["db0,db1,10.0.0.1 K"]],
    ["with a comment behind it", "db1", 22, "known", ["db1 K me@there, yesterday"]],
    ["of a host in another case", "DB1", 22, "known", ["db1 K"]],
    ["of a host that the file has in another case", "db1", 22, "known", ["Db1 K"]],
    ["that only another host has", "db1", 22, "unknown", ["db2 K"]],
    ["where another is known", "db1", 22, "changed", ["db1 O"]],
    ["of a type that is not known, where another type is", "db1", 22, "changed", ["db1 R"]],
    ["where a pattern with a star has it", "db1.internal", 22, "known", ["*.internal K"]],
    ["where a pattern with a question mark has it", "db1", 22, "known", ["db? K"]],
    ["where a question mark stands for nothing", "db", 22, "unknown", ["db? K"]],
    ["where the pattern is too short", "db1.internal.example", 22, "unknown", ["*.internal K"]],
    ["where the line excludes the host", "db1", 22, "unknown", ["*,!db1 K"]],
    ["where the exclusion comes first", "db1", 22, "unknown", ["!db1,* K"]],
    ["where the line excludes only others", "db2", 22, "known", ["!db1,* K"]],
    ["where there are exclusions alone", "db2", 22, "unknown", ["!db1 K"]],
    ["on another port", "db1", 2222, "known", ["[db1]:2222 K"]],
    ["of an IPv6 address on another port", "fe80::1", 2222, "known", ["[fe80::1]:2222 K"]],
    ["of another port", "db1", 2222, "unknown", ["[db1]:2223 K"]],
    ["on 22, where the file has another port", "db1", 22, "unknown", ["[db1]:2222 K"]],
    ["on another port, where the file has it without one", "db1", 2222, "known", ["db1 K"]],
    ["on another port, where the file has another without one", "db1", 2222, "unknown", ["db1 O"]],
    ["on another port, where only that has another", "db1", 2222, "changed", ["[db1]:2222 O", "db1 O"]],
    ["that is revoked", "db1", 22, "revoked", ["db1 K", "@revoked db1 K"]],
    ["that is revoked for all", "db1", 22, "revoked", ["@revoked * K", "db1 K"]],
    ["on another port, revoked for all", "db1", 2222, "revoked", ["@revoked * K", "[db1]:2222 K"]],
    ["on another port, revoked for the host", "db1", 2222, "revoked", ["@revoked db1 K", "[db1]:2222 K"]],
    ["of which another is revoked", "db1", 22, "known", ["@revoked * O", "db1 K"]],
    ["that is an authority's own", "db1", 22, "unknown", ["@cert-authority *.x,db1 K"]],
    ["behind comments and empty lines", "db1", 22, "known", ["", "# db1 O", "   ", "  db1 K  "]],
    ["in a file with carriage returns", "db1", 22, "known", ["db0 O\r", "db1 K\r"]],
    ["in an empty file", "db1", 22, "unknown", [""]],
  ];

  test.each(cases)("%s", (_, host, port, outcome, lines) => {
    expect(judgeHostKey(entriesOf(...lines), { host, port }, mine).outcome).toBe(outcome);
  });

  test("that changed is told with file and line", () => {
    const verdict = judgeHostKey(entriesOf("# mine", "db0 K", "db1 O"), { host: "db1", port: 22 }, mine);
    expect(verdict).toMatchObject({ outcome: "changed", entry: { file: "known_hosts", line: 3 } });
  });

  test("that an authority would sign is told with the authority's line", () => {
    const verdict = judgeHostKey(entriesOf("@cert-authority *.internal O"), { host: "a.internal", port: 22 }, mine);
    expect(verdict).toMatchObject({ outcome: "unknown", authority: { line: 1 } });
  });
});

test("lines that are no entries are counted, and hide none behind them", () => {
  const key = mine.toString("base64");
  const broken = [
    "db1",
    "db1 ssh-ed25519",
    `db1 ssh-rsa ${key}`,
    "db1 ssh-ed25519 !!!!",
    `@later db1 ssh-ed25519 ${key}`,
  ];
  const known = parseKnownHosts([...broken, `db1 ssh-ed25519 ${key}`].join("\n"), "known_hosts");
  expect(known.unreadable.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5]);
  expect(known.entries).toHaveLength(1);
});

test("the types that are known of a host come from its own lines, else from those without the port", () => {
  const entries = entriesOf("db1 K", "[db1]:2222 R", "@revoked db1 O", "db2 K");
  expect(knownKeyTypes(entries, { host: "db1", port: 22 })).toEqual(["ssh-ed25519"]);
  expect(knownKeyTypes(entries, { host: "db1", port: 2222 })).toEqual(["ssh-rsa"]);
  expect(knownKeyTypes(entries, { host: "db1", port: 2223 })).toEqual(["ssh-ed25519"]);
  expect(knownKeyTypes(entries, { host: "db3", port: 22 })).toEqual([]);
});

test.each([
  ["db1", 22],
  ["DB1.internal", 2222],
  ["fe80::1", 2222],
])("the line to add for %s port %i makes the key known", (host, port) => {
  const { entries } = parseKnownHosts(knownHostsLine({ host, port }, mine), "known_hosts");
  expect(judgeHostKey(entries, { host, port }, mine).outcome).toBe("known");
});

describe.skipIf(!isInstalled("ssh-keygen"))("beside ssh-keygen", () => {
  test.each([
    ["db1.internal", 22],
    ["10.1.2.3", 2222],
  ])("finds %s port %i in a file whose names it hashed", (host, port) => {
    const folder = mkdtempSync(join(tmpdir(), "postern-hosts-"));
    try {
      const { publicLine } = runKeygen({ type: "ed25519" });
      const key = Buffer.from(publicLine.split(" ")[1] ?? "", "base64");
      const file = join(folder, "known_hosts");
      writeFileSync(file, `${knownHostsLine({ host, port }, key)}\nelsewhere ${publicLine}\n`);
      execFileSync("ssh-keygen", ["-H", "-f", file], { stdio: "ignore" });
      const text = readFileSync(file, "utf8");
      expect(text).not.toContain(host);
      expect(text).toContain("|1|");
      const { entries } = parseKnownHosts(text, file);
      expect(judgeHostKey(entries, { host, port }, key).outcome).toBe("known");
      expect(judgeHostKey(entries, { host, port }, mine).outcome).toBe("changed");
      expect(judgeHostKey(entries, { host: `${host}0`, port }, key).outcome).toBe("unknown");
      expect(judgeHostKey(entries, { host, port: 2200 }, key).outcome).toBe(port === 22 ? "known" : "unknown");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("prints the same fingerprint", () => {
    const { publicLine } = runKeygen({ type: "ecdsa" });
    const printed = execFileSync("ssh-keygen", ["-l", "-f", "-"], { input: publicLine, encoding: "utf8" });
    expect(printed.split(" ")[1]).toBe(fingerprintOf(Buffer.from(publicLine.split(" ")[1] ?? "", "base64")));
  });
});
