import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import { describeAddress, parseDatabaseUrl } from "#lib/postgres/address.ts";

const [firstRoot = "", secondRoot = ""] = rootCertificates;
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "postern-address-"));
  await writeFile(join(dir, "ca.pem"), `# two roots\n${firstRoot}\n${secondRoot}\n`);
  await writeFile(join(dir, "empty.pem"), "");
  await writeFile(join(dir, "broken.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
});
afterAll(async () => await rm(dir, { recursive: true }));

async function neverAsked(): Promise<never> {
  throw new Error("Nobody was to be asked for CAs.");
}

async function problemOf(url: string): Promise<PosternError> {
  const error: unknown = await parseDatabaseUrl(url).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof PosternError)) throw new Error(`Expected a PosternError for ${url}`);
  expect(error.code).toBe("url.invalid");
  return error;
}

describe("what a URL says", () => {
  test("every part is read and percent-decoded", async () => {
    const url = "postgres://a%40b:p%3Aw%2F%23@db.example:6432/my%20db?sslmode=require&connect_timeout=3";
    await expect(parseDatabaseUrl(url)).resolves.toEqual({
      host: "db.example",
      port: 6432,
      database: "my db",
      user: "a@b",
      password: "p:w/#",
      sslMode: "require",
      connectTimeoutMs: 3000,
    });
  });

  test("port, database and sslmode have libpq's defaults, except that TLS is verified", async () => {
    await expect(parseDatabaseUrl("postgresql://ann@db.example")).resolves.toEqual({
      host: "db.example",
      port: 5432,
      database: "ann",
      user: "ann",
      sslMode: "verify-full",
    });
  });

  test("an IPv6 host loses its brackets, and gets them back when printed", async () => {
    const address = await parseDatabaseUrl("postgres://ann@[::1]:5433/app");
    expect(address.host).toBe("::1");
    expect(describeAddress(address)).toBe("[::1]:5433/app");
  });

  test("hostaddr is where the socket goes, and the host is what the certificate must name", async () => {
    const address = await parseDatabaseUrl("postgres://ann@db.example/app?hostaddr=127.0.0.1");
    expect(address).toMatchObject({ host: "127.0.0.1", servername: "db.example", sslMode: "verify-full" });
  });

  test("a plus is a plus, as for libpq", async () => {
    const address = await parseDatabaseUrl("postgres://ann:a+b@db.example/app?application_name=a+b%20c");
    expect(address).toMatchObject({ password: "a+b", applicationName: "a+b c" });
  });

  test.each(["disable", "prefer", "require", "verify-ca", "verify-full"])(
    "sslmode=%s is taken as it is",
    async (mode) => {
      const url = `postgres://ann@db.example/app?sslmode=${mode}`;
      const address = await parseDatabaseUrl(url, { ca: [firstRoot] });
      expect(address.sslMode).toBe(mode);
    },
  );
});

describe("certificate authorities", () => {
  test("sslrootcert names a PEM file, whose certificates are read one by one", async () => {
    const address = await parseDatabaseUrl(`postgres://ann@db.example/app?sslrootcert=${join(dir, "ca.pem")}`);
    expect(address.ca).toEqual([firstRoot, secondRoot]);
  });

  test("the CAs of the caller are used when the URL names none", async () => {
    const address = await parseDatabaseUrl("postgres://ann@db.example/app?sslmode=require", { ca: [firstRoot] });
    expect(address.ca).toEqual([firstRoot]);
  });

  test("those that go with the host's name are asked for when nobody names any, also where the socket goes elsewhere", async () => {
    const asked: string[] = [];
    const findCa = async (name: string) => {
      asked.push(name);
      return name === "db.example" ? [firstRoot] : undefined;
    };
    const caOf = async (url: string) => (await parseDatabaseUrl(url, { findCa })).ca;
    expect(await caOf("postgres://ann@db.example/app")).toEqual([firstRoot]);
    expect(await caOf("postgres://ann@db.example/app?hostaddr=127.0.0.1&sslrootcert=")).toEqual([firstRoot]);
    expect(await caOf("postgres://ann@other.example/app?sslmode=verify-full")).toBeUndefined();
    expect(asked).toEqual(["db.example", "db.example", "other.example"]);
  });

  test.each([
    ["sslmode=require"],
    ["sslmode=prefer"],
    ["sslmode=disable"],
    ["sslrootcert=system"],
    ["sslrootcert=ca.pem"],
    ["sslmode=verify-full", [firstRoot]],
  ])("none are looked for with %s %j", async (parameters, ca?: string[]) => {
    const url = `postgres://ann@db.example/app?${parameters.replace("ca.pem", join(dir, "ca.pem"))}`;
    await expect(parseDatabaseUrl(url, { ...(ca && { ca }), findCa: neverAsked })).resolves.toMatchObject({
      user: "ann",
    });
  });

  test("none are looked for with verify-ca, which a public CA would satisfy", async () => {
    const url = "postgres://ann@db.example/app?sslmode=verify-ca";
    await expect(parseDatabaseUrl(url, { findCa: neverAsked })).rejects.toMatchObject({ code: "url.invalid" });
  });

  test("sslrootcert=system means Node's roots, whatever the caller gives", async () => {
    const url = "postgres://ann@db.example/app?sslrootcert=system";
    expect((await parseDatabaseUrl(url, { ca: [firstRoot] })).ca).toBeUndefined();
  });

  test("sslrootcert=system with a weaker mode than verify-full is refused, as by libpq", async () => {
    const error = await problemOf("postgres://ann@db.example/app?sslrootcert=system&sslmode=require");
    expect(error.message).toContain("sslmode=verify-full only");
  });

  test("sslmode=verify-ca without a CA is refused: it would verify nobody", async () => {
    for (const url of [
      "postgres://ann@db.example/app?sslmode=verify-ca",
      "postgres://db?sslmode=verify-ca&sslrootcert=",
    ])
      expect((await problemOf(url)).message).toContain("sslmode=verify-ca needs a CA");
  });

  test.each([
    ["absent.pem", "cannot be read (ENOENT)"],
    ["empty.pem", "holds no certificate"],
    ["broken.pem", "certificate 1 cannot be parsed"],
  ])("sslrootcert=%s is refused with the reason", async (file, reason) => {
    const error = await problemOf(`postgres://ann@db.example/app?sslrootcert=${join(dir, file)}`);
    expect(error.message).toContain(reason);
    expect(error.message).toContain(file);
  });
});

describe("what is refused", () => {
  test.each([
    ["mysql://ann@db.example/app", "postgres://"],
    ["db.example", "postgres://"],
    ["postgres:///app", "names no host"],
    ["postgres://db.example/app", "names no user"],
    ["postgres://ann@one.example,two.example/app", "several hosts"],
    ["postgres://ann@one.example:5432,two.example:5433/app", "several hosts"],
    ["postgres://ann@db.example:70000/app", "port from 1 to 65535"],
    ["postgres://ann@db.example:0/app", "port from 1 to 65535"],
    ["postgres://ann@%2Ftmp/app", "Unix sockets"],
    ["postgres://ann@db.example/app?sslmode=allow", 'sslmode is "allow": expected disable, prefer'],
    ["postgres://ann@db.example/app?sslmode=no-verify", 'sslmode is "no-verify"'],
    ["postgres://ann@db.example/app?target_session_attrs=any", "target_session_attrs is not supported"],
    ["postgres://ann@db.example/app?hostaddr=localhost", "expected an IP address"],
    ["postgres://ann@db.example/app?connect_timeout=0", "from 1 to 3600"],
    ["postgres://ann@db.example/app?connect_timeout=soon", "from 1 to 3600"],
    ["postgres://ann@db.example/a%00b", "NUL"],
    ["postgres://ann@db.example/50%", "%25"],
  ])("%s", async (url, reason) => {
    expect((await problemOf(url)).message).toContain(reason);
  });

  test("every problem is reported at once", async () => {
    const { message } = await problemOf("postgres://db.example/app?sslmode=allow&foo=1&connect_timeout=x");
    for (const problem of ["names no user", "sslmode", "foo", "connect_timeout"]) expect(message).toContain(problem);
  });

  test.each([
    "postgres://ann:sec/ret@db.example/app",
    "postgres://ann:12/secret@db.example/app",
    "postgres://ann:sec#ret@db.example/app",
    "postgres://ann:12#secret@db.example/app",
    "postgres://ann:12?secret@db.example/app",
    "postgres://ann:sec?ret@db.example/app",
    "postgres://ann:secret%zz@db.example/app",
    "postgres://ann:secret%00@db.example/app",
    "postgres://ann:secret@db.example:x/app",
    "postgres://ann:secret@db.example/app?sslmode=allow",
    "postgres://ann:secret@a,b/app",
    "mysql://ann:secret@db.example/app",
  ])("the message and its causes hold nothing of the password: %s", async (url) => {
    const error = await problemOf(url);
    const printed = `${error.message} ${JSON.stringify(error.toDocument())} ${String(error.cause)}`;
    expect(printed).not.toMatch(/sec\b|ret\b|secret/);
  });
});
