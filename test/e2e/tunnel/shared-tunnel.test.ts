import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { connect } from "#lib/postgres/connect.ts";
import { Tunnel } from "#lib/tunnel/tunnel.ts";
import { isInstalled } from "../../support/debian.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { runKeygen } from "../../support/ssh/key-forms.ts";
import { startSshd } from "../../support/ssh/sshd.ts";

afterEach(async () => {
  await Tunnel.resetInstance();
});

describe("without an instance", () => {
  test("getInstance says what to do first", () => {
    expect(() => Tunnel.getInstance()).toThrow(
      expect.objectContaining({ code: "tunnel.not-running", hint: expect.stringContaining("initializeFromEnv") }),
    );
  });

  test("variables that are wrong are told together, and leave none", async () => {
    await expect(Tunnel.initializeFromEnv({ env: { SSH_PORT: "ssh" } })).rejects.toMatchObject({
      code: "config.invalid",
      message: expect.stringMatching(/SSH_HOST.*SSH_PORT.*POSTGRES_REMOTE_HOST/u),
    });
    expect(() => Tunnel.getInstance()).toThrow("no tunnel");
  });
});

describe.skipIf(!isInstalled("sshd"))("the one tunnel of a process, through a real sshd", () => {
  test("is opened from the environment, shared, replaced after a cut, and reset", async () => {
    const key = runKeygen({ type: "ed25519" });
    await using database = await createTestDatabase();
    await using sshd = await startSshd({ authorized: [key.publicLine] });
    const keyFile = join(sshd.folder, "client_key");
    await writeFile(keyFile, key.text, { mode: 0o600 });
    const env = {
      SSH_HOST: sshd.host,
      SSH_PORT: String(sshd.port),
      SSH_USER: sshd.user,
      SSH_KEY_PATH: keyFile,
      SSH_KNOWN_HOSTS: sshd.knownHostsFile,
      SSH_MAX_RETRIES: "5",
      SSH_RETRY_DELAY: "50",
      POSTGRES_REMOTE_HOST: database.address.host,
      POSTGRES_REMOTE_PORT: String(database.address.port),
    };
    const [first, second] = await Promise.all([Tunnel.initializeFromEnv({ env }), Tunnel.initializeFromEnv({ env })]);
    expect(first).toBe(second);
    expect(Tunnel.getInstance()).toBe(first);
    expect(first.status()).toMatchObject({ state: "up", transport: "ssh" });

    const ask = async () => {
      const { host, port } = Tunnel.getInstance();
      const address = { ...database.address, host, port, servername: database.address.host };
      await using connection = await connect(address, { applicationName: "shared tunnel" });
      return (await connection.client.query("select 1 as one")).rows;
    };
    expect(await ask()).toEqual([{ one: 1 }]);
    sshd.cut();
    await expect.poll(() => first.status().reconnects).toBe(1);
    expect(await ask()).toEqual([{ one: 1 }]);

    await Tunnel.resetInstance();
    expect(await first.ended).toBeUndefined();
    expect(() => Tunnel.getInstance()).toThrow("no tunnel");
    await expect.poll(() => sshd.open).toBe(0);
  });

  test("is told a lasting reason at once: a key that the server does not know", async () => {
    await using sshd = await startSshd({ authorized: [] });
    const env = {
      SSH_HOST: sshd.host,
      SSH_PORT: String(sshd.port),
      SSH_USER: sshd.user,
      // As variables have it whose newlines were lost.
      SSH_PRIVATE_KEY: runKeygen({ type: "ed25519" }).text.replaceAll("\n", String.raw`\n`),
      SSH_KNOWN_HOSTS: sshd.knownHostsFile,
      POSTGRES_REMOTE_HOST: "db.internal",
    };
    await expect(Tunnel.initializeFromEnv({ env })).rejects.toMatchObject({ code: "ssh.auth" });
    expect(() => Tunnel.getInstance()).toThrow("no tunnel");
  });
});
